"""Know this computer: its tools, serial ports and USB devices."""
