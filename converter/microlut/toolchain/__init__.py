"""Build firmware images and measure their memory."""
