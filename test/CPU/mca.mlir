// What LLVM's models of processors say of the loops where time goes, with all that they read in L1: at most so many cycles.
// A multiply-add for every cycle that the model's units can start one is the least; a bound has at most a cycle in ten above what
// was read when it was written.

// RUN: gqa-compile %S/asm-many-rows.mlir --target=cpu:x86-64-v4 --emit=asm -o %t.many
// RUN: gqa-compile %S/asm-few-rows.mlir --function=f32 --target=cpu:x86-64-v4 --emit=asm -o %t.f32
// RUN: gqa-compile %S/asm-few-rows.mlir --function=bf16 --target=cpu:x86-64-v4 --emit=asm -o %t.bf16
// RUN: gqa-compile %S/asm-few-rows.mlir --function=bf16 --target=cpu:x86-64-v3 --emit=asm -o %t.avx2

// Two units: half as many cycles as multiply-adds. 24 sums of a prefill, 64 multiply-adds of a decode step, whose scores in f32
// have as many loads and requests for lines, of which two start a cycle as well.
// RUN: %{python} %S/Inputs/hot_loops.py --mca skylake-avx512 < %t.many | FileCheck %s --check-prefix=MANY-SKX
// RUN: %{python} %S/Inputs/hot_loops.py --mca skylake-avx512 < %t.f32 | FileCheck %s --check-prefix=F32-SKX
// RUN: %{python} %S/Inputs/hot_loops.py --mca skylake-avx512 < %t.bf16 | FileCheck %s --check-prefix=BF16-SKX
// MANY-SKX-COUNT-2: loop fma=24 {{.*}} broadcast={{[68]}} {{.*}} cycles=1{{[0-3]\..$}}
// F32-SKX: loop fma=64 {{.*}} cycles={{(3[2-9]|4[0-4])\..$}}
// F32-SKX: loop fma=32 {{.*}} broadcast=8 {{.*}} cycles={{(1[6-9]|20)\..$}}
// BF16-SKX: loop fma=64 {{.*}} cycles={{(3[2-9]|4[0-3])\..$}}
// BF16-SKX: loop fma=32 {{.*}} broadcast={{[89]}} {{.*}} cycles={{(1[6-9]|2[01])\..$}}

// One unit, by the models of LLVM 22.
// RUN: %{python} %S/Inputs/hot_loops.py --mca sapphirerapids < %t.many | FileCheck %s --check-prefix=MANY-SPR
// RUN: %{python} %S/Inputs/hot_loops.py --mca sapphirerapids < %t.f32 | FileCheck %s --check-prefix=F32-SPR
// RUN: %{python} %S/Inputs/hot_loops.py --mca sapphirerapids < %t.bf16 | FileCheck %s --check-prefix=BF16-SPR
// MANY-SPR-COUNT-2: loop fma=24 {{.*}} broadcast={{[68]}} {{.*}} cycles=2{{[4-6]\..$}}
// F32-SPR: loop fma=64 {{.*}} cycles=6{{[4-9]\..$}}
// F32-SPR: loop fma=32 {{.*}} broadcast=8 {{.*}} cycles=3{{[2-4]\..$}}
// BF16-SPR: loop fma=64 {{.*}} cycles={{(6[4-9]|7[0-6])\..$}}
// BF16-SPR: loop fma=32 {{.*}} broadcast={{[89]}} {{.*}} cycles=3{{[2-8]\..$}}

// Products of values, which broadcast a number for each 4 multiply-adds, are a quarter above by this model; those of bf16 read the
// mask of odd halves from memory as well.
// RUN: %{python} %S/Inputs/hot_loops.py --mca znver4 < %t.many | FileCheck %s --check-prefix=MANY-ZEN4
// RUN: %{python} %S/Inputs/hot_loops.py --mca znver4 < %t.f32 | FileCheck %s --check-prefix=F32-ZEN4
// RUN: %{python} %S/Inputs/hot_loops.py --mca znver4 < %t.bf16 | FileCheck %s --check-prefix=F32-ZEN4
// MANY-ZEN4-COUNT-2: loop fma=24 {{.*}} broadcast={{[68]}} {{.*}} cycles={{(2[4-9]|3[0-3])\..$}}
// F32-ZEN4: loop fma=64 {{.*}} cycles=6{{[4-9]\..$}}
// F32-ZEN4: loop fma=32 {{.*}} broadcast={{[89]}} {{.*}} cycles={{(3[2-9]|4[0-6])\..$}}

// AVX2 with two units: 48 multiply-adds of scores, 32 of values.
// RUN: %{python} %S/Inputs/hot_loops.py --mca znver3 < %t.avx2 | FileCheck %s --check-prefix=BF16-ZEN3
// BF16-ZEN3: loop fma=48 {{.*}} cycles=2{{[4-6]\..$}}
// BF16-ZEN3: loop fma=32 {{.*}} broadcast=16 {{.*}} cycles=1{{[6-9]\..$}}
