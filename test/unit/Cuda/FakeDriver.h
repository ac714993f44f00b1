// What tests ask of the fake driver, beside the driver's own functions.
#ifndef GQA_TEST_UNIT_CUDA_FAKEDRIVER_H
#define GQA_TEST_UNIT_CUDA_FAKEDRIVER_H

#define GQA_FAKE extern "C" __attribute__((visibility("default")))

/// `symbol`, without its version, fails with `error` once, after `skip` more calls that do not.
GQA_FAKE void fake_fail(const char *symbol, int skip, int error);
/// How many failures have not happened yet.
GQA_FAKE int fake_pending(void);
/// How often `symbol` was called.
GQA_FAKE int fake_calls(const char *symbol);
/// Blocks of memory, modules, streams, events and pools that have not been given back.
GQA_FAKE int fake_live(void);
/// The stream is captured, and something spoils that.
GQA_FAKE void fake_spoil(void *stream);
/// Objects of cuBLASLt that have not been destroyed.
GQA_FAKE int fake_products(void);
/// How many contexts this thread has pushed and not popped.
GQA_FAKE int fake_contexts(void);

#endif // GQA_TEST_UNIT_CUDA_FAKEDRIVER_H
