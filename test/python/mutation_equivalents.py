"""Mutants of kernels for sm_90a that are as right as the kernel: what they delete orders nothing that is not ordered otherwise.

A mutant is named by its place, never by its kind alone, so that the same instruction elsewhere still has to be caught. One by one
they are needless, not together. The rule of the PTX ISA for fences: a wgmma.fence is needed before the first wgmma of a warp, and
between an access to a register by another instruction and a wgmma that uses the register as accumulator or as a fragment of A.
"""

import re

FENCE = "wgmma.fence.sync.aligned;"

# (case, number of the fence in its kernel, from 1). Fences of S = Q K^T in a loop whose body runs at most once, so that its
# accumulators are registers that nothing has used before. These kernels have at most 128 rows for a CTA and blocks of 128 keys,
# counted from the first key that any row sees; parts have whole blocks. The last keys of two rows of a CTA, and their first ones,
# differ by at most 127 (in "latent", whose blocks have 32 keys or more, a CTA has 64 rows of five heads: by at most 13); so rows end
# in two blocks at most, one of which comes in front of the loop of fence 2, and begin in one at
# most, that of fence 7.
LOOPS_OF_ONE = {("prompt", 2), ("prompt_window", 2), ("prompt_window", 7), ("prompt_poison", 2), ("short", 2), ("prompt_parts", 2),
                ("prompt_fp8", 2), ("short_fp8", 2), ("prompt_fp8_queries", 2), ("prompt_lanes", 2), ("latent", 2)}

# That of fences 7 and 8 is the last one: what it frees is not filled again.
LAST_LOOP_OF_ONE = ("prompt_window", {7, 8})


def registers(instruction):
    return set(re.findall(r"%r\d+", instruction))


def follows_fence(body, at):
    """A fence after which products use only registers that nothing has used since the fence in front of it, in the same straight
    piece of code: that one has ordered all accesses to them. (S = Q K^T and O += P V are issued one behind the other.)"""
    used = set()
    for instruction in body[at + 1:]:
        if "wgmma.mma_async" not in instruction:
            break
        used |= registers(instruction)
    for instruction in reversed(body[:at]):
        if instruction == FENCE:
            return bool(used)
        if re.match(r"\$|@|bra|\w+:", instruction) or registers(instruction) & used:
            return False
    return False


def in_loop_of_one(case, body, at):
    return (case, body[:at + 1].count(FENCE)) in LOOPS_OF_ONE


def in_last_loop_of_one(case, body, at):
    name, fences = LAST_LOOP_OF_ONE
    return case == name and body[:at].count(FENCE) in fences


def frees_last_values(body, at):
    """The arrival behind the O += P V that comes alone, after the last S: a CTA has one tile, and nothing is loaded any more."""
    orders = [x for x in body[:at] if re.match(r"wgmma\.(?:fence|commit|wait)|bar|mbarrier|setp\.ne\.b32 first", x)]
    return orders[-4:] == ["setp.ne.b32 first, 1, 0;", FENCE, "wgmma.commit_group.sync.aligned;",
                           "wgmma.wait_group.sync.aligned 0;"]


def waits_for_unused_slot(body, at):
    """The wait for the slot of queries to be free, the first wait of the kernel: it is filled once, and free at the beginning."""
    return re.search(r", 1, \d+;$", body[at]) and not any("try_wait" in x for x in body[:at])


def orders_what_the_other_ring_orders(body, at):
    """In front of a copy of a decode step into a slot of keys or values. Slots of the two rings are filled in turn, each behind a
    bar.warp.sync: between the lanes' reads of a slot and the copy into it lies that of the other ring, too. In front of the first
    copies nothing has been read."""
    behind = (x for x in body[at + 1:] if re.match(r"(?:@\S+ )?(?:ld|st|ldmatrix|bar|mbarrier|cp\.async)\b", x))
    return next(behind, "").startswith("mbarrier.arrive.expect_tx")


def reason(case, body, at):
    """Why deleting or weakening an instruction of a kernel changes nothing; "" if it is not known to be so."""
    instruction = body[at]
    if instruction == FENCE and follows_fence(body, at):
        return "the fence in front has ordered the same registers"
    if instruction == FENCE and in_loop_of_one(case, body, at):
        return "the first use of its accumulators, in a loop that runs at most once"
    if instruction.startswith("setmaxnreg.inc"):
        return "in PTX, registers are as many as a kernel names"
    is_last = frees_last_values(body, at) or in_last_loop_of_one(case, body, at)
    if instruction.startswith("mbarrier.arrive.shared") and is_last:
        return "nothing is loaded into the slot any more"
    if instruction.startswith("mbarrier.try_wait") and waits_for_unused_slot(body, at):
        return "the slot is filled once"
    if instruction == "bar.warp.sync -1;" and orders_what_the_other_ring_orders(body, at):
        return "what has been read is ordered by the bar.warp.sync of the other ring"
    return ""
