package module

// version is the module's, from the file VERSION: the linker puts it here (-X,
// see the Makefile). It is empty in tests of this package.
var version string
