// pthread_atfork as the C library has it in the part that is linked statically, which an artifact is not
// linked with.
extern "C" {

int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void *library);
extern __attribute__((visibility("hidden"))) void *__dso_handle;

__attribute__((visibility("hidden"), weak)) int pthread_atfork(void (*prepare)(), void (*parent)(),
                                                               void (*child)()) {
  return __register_atfork(prepare, parent, child, __dso_handle);
}
}
