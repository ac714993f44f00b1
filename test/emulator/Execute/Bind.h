// The handlers, by mnemonic: each function looks at the suffixes of an opcode and returns the code that
// executes it. A null result means that the ISA, or this emulator, has no such combination.
#pragma once
#include "Decode/Match.h"

namespace gqa::emulator::bind {

// Integer.cpp
Handler integerAdd(Match &m), integerSub(Match &m), integerMul(Match &m), integerMad(Match &m),
    mul24(Match &m), mad24(Match &m);
Handler integerDiv(Match &m), integerRem(Match &m), integerMin(Match &m), integerMax(Match &m),
    integerAbs(Match &m);
Handler integerNeg(Match &m), sad(Match &m), dp4a(Match &m);
// Bits.cpp
Handler bitAnd(Match &m), bitOr(Match &m), bitXor(Match &m), bitNot(Match &m), cnot(Match &m), shl(Match &m),
    shr(Match &m);
Handler shf(Match &m), lop3(Match &m), prmt(Match &m), bfe(Match &m), bfi(Match &m), bfind(Match &m),
    popc(Match &m);
Handler clz(Match &m), brev(Match &m), predicateAnd(Match &m), predicateOr(Match &m), predicateXor(Match &m),
    predicateNot(Match &m);
// Float.cpp
Handler floatAdd(Match &m), floatSub(Match &m), floatMul(Match &m), fma(Match &m), floatMin(Match &m),
    floatMax(Match &m);
Handler floatMulTowardsZero(Match &m), floatAbs(Match &m), floatNeg(Match &m), floatDiv(Match &m),
    copysign(Match &m), testp(Match &m), floatMin3(Match &m), floatMax3(Match &m);
// Special.cpp
Handler rcp(Match &m), sqrt(Match &m), rsqrt(Match &m), ex2(Match &m), lg2(Match &m), sin(Match &m),
    cos(Match &m), tanh(Match &m);
// Compare.cpp
Handler setp(Match &m), set(Match &m), selp(Match &m), slct(Match &m);
// Convert.cpp
Handler cvt(Match &m);
// Move.cpp
Handler mov(Match &m), movPredicate(Match &m), movVector(Match &m), cvta(Match &m), isspacep(Match &m),
    clock(Match &m);
// LoadStore.cpp
Handler load(Match &m), store(Match &m), createPolicy(Match &m);
// Atomic.cpp
Handler atom(Match &m), red(Match &m), fence(Match &m);
// AsyncCopy.cpp
Handler cpAsync(Match &m), cpAsyncCommit(Match &m), cpAsyncWait(Match &m);
// Matrix.cpp, MatrixMove.cpp
Handler mma(Match &m), ldmatrix(Match &m), stmatrix(Match &m), movmatrix(Match &m);
// WarpSync.cpp
Handler shfl(Match &m), vote(Match &m), match(Match &m), redux(Match &m), activemask(Match &m),
    elect(Match &m), warpSync(Match &m);
// Control.cpp
Handler bra(Match &m), ret(Match &m), trap(Match &m), barrier(Match &m), barrierArrive(Match &m),
    barrierReduce(Match &m);
Handler nothing(Match &m), nanosleep(Match &m), waitForGrids(Match &m);
// MBarrierInsn.cpp
Handler mbarrierInit(Match &m), mbarrierInval(Match &m), mbarrierArrive(Match &m), mbarrierExpect(Match &m),
    mbarrierWait(Match &m), mbarrierPending(Match &m), fenceProxy(Match &m), fenceMBarrierInit(Match &m);
// TensorCopy.cpp
Handler bulkLoad(Match &m), bulkStore(Match &m), tensorLoad(Match &m), tensorStore(Match &m),
    bulkCommit(Match &m), bulkWait(Match &m), tensorPrefetch(Match &m);
// ClusterInsn.cpp
Handler clusterArrive(Match &m), clusterWait(Match &m), mapa(Match &m);
// RegisterPool.cpp
Handler setmaxnreg(Match &m);
// Wgmma.cpp
Handler wgmma(Match &m), wgmmaFence(Match &m), wgmmaCommit(Match &m), wgmmaWait(Match &m);

} // namespace gqa::emulator::bind
