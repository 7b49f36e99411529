"""Files: reading what may be damaged or a stranger's, writing what must stay whole."""
