; y[i] = a * x[i] with a stack slot, a table in constant memory and a switch, as LLVM's NVPTX backend writes them.
; llc -mcpu=sm_80 -mattr=+ptx80 scale.ll -o scale.ptx
target triple = "nvptx64-nvidia-cuda"

@table = addrspace(4) constant [4 x float] [float 1.0, float 2.0, float 4.0, float -1.0], align 4
@shared = external addrspace(3) global [0 x i8], align 16

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)

define ptx_kernel void @scale(ptr addrspace(1) %x, ptr addrspace(1) %y, i32 %n) {
entry:
  %slot = alloca [4 x float], align 16
  %i = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %in = icmp ult i32 %i, %n
  %from = getelementptr float, ptr addrspace(1) %x, i32 %i
  br i1 %in, label %load, label %store
load:
  %v = load float, ptr addrspace(1) %from, align 4
  br label %store
store:
  %w = phi float [ %v, %load ], [ 0.0, %entry ]
  %mine = getelementptr float, ptr addrspace(3) @shared, i32 %i
  store float %w, ptr addrspace(3) %mine, align 4
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %other = xor i32 %i, 1
  %theirs = getelementptr float, ptr addrspace(3) @shared, i32 %other
  %u = load float, ptr addrspace(3) %theirs, align 4
  %k = and i32 %i, 3
  %at = getelementptr [4 x float], ptr %slot, i32 0, i32 %k
  store volatile float %u, ptr %at, align 4
  switch i32 %k, label %d0 [ i32 1, label %d1
                             i32 2, label %d2
                             i32 3, label %d3 ]
d0:
  br label %end
d1:
  br label %end
d2:
  br label %end
d3:
  br label %end
end:
  %which = phi i32 [ 0, %d0 ], [ 2, %d1 ], [ 1, %d2 ], [ 3, %d3 ]
  %entryAt = getelementptr [4 x float], ptr addrspace(4) @table, i32 0, i32 %which
  %a = load float, ptr addrspace(4) %entryAt, align 4
  %s = load volatile float, ptr %at, align 4
  %r = fmul float %a, %s
  %to = getelementptr float, ptr addrspace(1) %y, i32 %i
  br i1 %in, label %write, label %exit
write:
  store float %r, ptr addrspace(1) %to, align 4
  br label %exit
exit:
  ret void
}
