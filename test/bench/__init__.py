"""What the library costs, compared with how it is done without it: `make bench`."""
