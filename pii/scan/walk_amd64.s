#include "textflag.h"

// func nextVector(t string, i int) int
//
// Each byte's halves look up their entry in stopTables; where the two have a bit
// in common the byte has a class. The last bytes of the text are read as the end
// of the 32 bytes that end with them.
TEXT ·nextVector(SB), NOSPLIT, $0-32
	MOVQ t_base+0(FP), SI
	MOVQ t_len+8(FP), DX
	MOVQ i+16(FP), AX
	SUBQ $32, DX // where the last load begins
	VMOVDQU ·stopTables+0(SB), Y3
	VMOVDQU ·stopTables+32(SB), Y4
	MOVQ $0x0F0F0F0F0F0F0F0F, CX
	VMOVQ CX, X5
	VPBROADCASTQ X5, Y5
	VPXOR Y6, Y6, Y6

loop:
	CMPQ AX, DX
	JGT  last
	VMOVDQU (SI)(AX*1), Y0
	VPSRLW $4, Y0, Y1
	VPAND Y5, Y1, Y1
	VPAND Y5, Y0, Y0
	VPSHUFB Y1, Y3, Y1
	VPSHUFB Y0, Y4, Y0
	VPAND Y1, Y0, Y0
	VPCMPEQB Y6, Y0, Y0
	VPMOVMSKB Y0, CX
	XORL $0xFFFFFFFF, CX
	JNE found
	ADDQ $32, AX
	JMP loop

found:
	VZEROUPPER
	BSFL CX, CX
	ADDQ CX, AX
	MOVQ AX, ret+24(FP)
	RET

last:
	VMOVDQU (SI)(DX*1), Y0
	VPSRLW $4, Y0, Y1
	VPAND Y5, Y1, Y1
	VPAND Y5, Y0, Y0
	VPSHUFB Y1, Y3, Y1
	VPSHUFB Y0, Y4, Y0
	VPAND Y1, Y0, Y0
	VPCMPEQB Y6, Y0, Y0
	VPMOVMSKB Y0, R8
	VZEROUPPER
	NOTL R8      // its upper half is zero
	MOVQ AX, CX
	SUBQ DX, CX  // how many of the bytes have been read before, 32 at most
	SHRQ CX, R8
	JEQ  none
	BSFQ R8, R8
	ADDQ R8, AX
	MOVQ AX, ret+24(FP)
	RET

none:
	ADDQ $32, DX
	MOVQ DX, ret+24(FP)
	RET

// func digitMask(t string, i int) uint64
TEXT ·digitMask(SB), NOSPLIT, $0-32
	MOVQ t_base+0(FP), SI
	MOVQ t_len+8(FP), DX
	MOVQ i+16(FP), AX
	SUBQ $64, DX
	XORL CX, CX
	CMPQ AX, DX
	JLE  load
	MOVQ AX, CX  // the last 64 bytes are read, of which those before t[i] fall away
	SUBQ DX, CX
	MOVQ DX, AX

load:
	VPBROADCASTB ·digitBounds+0(SB), Y2
	VPBROADCASTB ·digitBounds+1(SB), Y3
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU 32(SI)(AX*1), Y1
	VPADDB Y2, Y0, Y0
	VPADDB Y2, Y1, Y1
	VPCMPGTB Y0, Y3, Y0
	VPCMPGTB Y1, Y3, Y1
	VPMOVMSKB Y0, AX
	VPMOVMSKB Y1, DX
	VZEROUPPER
	SHLQ $32, DX
	ORQ  DX, AX
	SHRQ CX, AX
	MOVQ AX, ret+24(FP)
	RET
