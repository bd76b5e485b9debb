"""Run firmware: the console's protocol, real boards, and emulators."""
