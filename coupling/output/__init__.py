"""What people and other programs are shown: pictures, profiles, VTK and netCDF."""
