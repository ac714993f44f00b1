// The part of a C compiler's start-up files that a shared library needs: an artifact is linked without a C
// compiler. In a program that has those files the linker does not take this one.
extern "C" {

void __cxa_finalize(void *library);

/// Names this library where destructors of its static objects are registered.
__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;

__attribute__((destructor)) static void runDestructors() { __cxa_finalize(__dso_handle); }
}
