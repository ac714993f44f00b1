// Holds the precompiled header that every library reuses; see lib/CMakeLists.txt.
