"""What several folders of tests share: cases, references, stand-ins, data, fixtures."""
