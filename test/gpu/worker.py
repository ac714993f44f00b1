"""The child's side: works through items and says on a pipe what it does, so that the parent knows what killed it."""

import ctypes
import json
import os
import signal
import sys
import time
import traceback

from gqa._program import CudaError

PR_SET_PDEATHSIG = 1  # of prctl: a child does not outlive its parent


def describe():
    """Prints the device's facts as JSON; the exit status, after a line on stderr if there is no device."""
    import programs

    runtime = programs.runtime()
    if missing := runtime.missing():
        print(missing, file=sys.stderr)
        return 1
    print(json.dumps(runtime.describe()))
    return 0


def main(part, descriptor):
    """Items come as JSON on standard input; events go, a line each, to the descriptor. Ends early after an error of CUDA,
    which may have taken the device away: the parent starts another child."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    order = json.load(sys.stdin)

    def say(**event):
        os.write(descriptor, (json.dumps(event) + "\n").encode())

    run = _runner(part, order["options"])
    for item in order["items"]:
        say(begin=item["name"])
        start = time.perf_counter()

        def doing(what, so_far=None):
            """`so_far`: the item's result if it ends here."""
            say(doing=what, **({} if so_far is None else {"so_far": {"status": "ok", **so_far}}))

        result, broken = _attempt(run, item, doing)
        say(end=item["name"], result={**result, "seconds": round(time.perf_counter() - start, 3)})
        if broken:
            os._exit(0)  # nothing of the lost device can be given back
    return 0


def _attempt(run, item, doing):
    """(result, whether the device may be lost)."""
    try:
        result = {"status": "ok", **run(item, doing)}
        return result, result["status"] == "failed"
    except AssertionError as error:
        return {"status": "wrong", "reason": str(error) or "assertion"}, False
    except CudaError as error:
        return {"status": "failed", "reason": str(error)}, True
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        return {"status": "failed", "reason": reason.splitlines()[0]}, "CUDA error" in reason


def _runner(part, options):
    """The function (item, doing) -> result of a part."""
    import programs

    runtime = programs.runtime()
    if part == "numerics":
        import numerics
        return lambda item, doing: numerics.run(runtime, item["name"], doing)
    if part == "products":
        import products
        programs.bring_blas()
        return lambda item, doing: products.run(runtime, item["name"], doing)
    if part == "graphs":
        import graphs
        programs.bring_blas()
        return lambda item, doing: graphs.run(runtime, item["name"], doing)
    if part == "races":
        import races
        return lambda item, doing: races.run(runtime, item["name"], doing, options["launches"])
    if part == "vectors":
        import recording
        from vectors.driver import Device
        device = Device()
        device.retain()
        return lambda item, doing: recording.run(device, item["name"], doing)
    if part == "steps":
        import steps
        return lambda item, doing: steps.run(runtime, item["name"], doing, options["rounds"])
    from gqa.bench.cuda.ours import Packed
    from gqa.bench.cuda.run import Benchmark, DeviceLost
    benchmark = Benchmark(Packed(programs.FOLDER), options["peers"], options["rounds"])

    def measure(item, doing):
        try:
            return benchmark.run(item["name"], doing, without=item.get("without", ()))
        except DeviceLost as error:
            print(error, flush=True)
            os._exit(3)  # the parent tries again without the candidate
    return measure
