"""Build firmware images and read what they hold."""
