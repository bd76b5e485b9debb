"""This computer: its tools, serial ports and USB devices."""
