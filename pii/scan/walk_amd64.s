#include "go_asm.h"
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

// func masksVector(m *masks, t string, base, n int)
//
// 64 bytes at a time: digits by digitBounds, stops as nextVector finds them. Of
// the last bytes of the text, fewer than 64, the masks are those of the 64 bytes
// that end with them, moved down; behind them there is nothing.
TEXT ·masksVector(SB), NOSPLIT, $0-40
	MOVQ m+0(FP), DI
	MOVQ t_base+8(FP), SI
	MOVQ t_len+16(FP), DX
	MOVQ base+24(FP), AX
	SUBQ $64, DX // where the last load begins
	MOVQ n+32(FP), R9
	VMOVDQU ·stopTables+0(SB), Y3
	VMOVDQU ·stopTables+32(SB), Y4
	MOVQ $0x0F0F0F0F0F0F0F0F, CX
	VMOVQ CX, X5
	VPBROADCASTQ X5, Y5
	VPXOR Y6, Y6, Y6
	VPBROADCASTB ·digitBounds+0(SB), Y7
	VPBROADCASTB ·digitBounds+1(SB), Y8

loop:
	XORL CX, CX
	MOVQ AX, BX
	CMPQ AX, DX
	JGT  last

block:
	VMOVDQU (SI)(BX*1), Y0
	VMOVDQU 32(SI)(BX*1), Y1
	VPADDB Y7, Y0, Y9
	VPADDB Y7, Y1, Y10
	VPCMPGTB Y9, Y8, Y9
	VPCMPGTB Y10, Y8, Y10
	VPMOVMSKB Y9, R10
	VPMOVMSKB Y10, R11
	SHLQ $32, R11
	ORQ  R11, R10
	SHRQ CX, R10
	MOVQ R10, masks_digits(DI)
	VPSRLW $4, Y0, Y9
	VPSRLW $4, Y1, Y10
	VPAND Y5, Y9, Y9
	VPAND Y5, Y10, Y10
	VPAND Y5, Y0, Y0
	VPAND Y5, Y1, Y1
	VPSHUFB Y9, Y3, Y9
	VPSHUFB Y10, Y3, Y10
	VPSHUFB Y0, Y4, Y0
	VPSHUFB Y1, Y4, Y1
	VPAND Y9, Y0, Y0
	VPAND Y10, Y1, Y1
	VPCMPEQB Y6, Y0, Y0
	VPCMPEQB Y6, Y1, Y1
	VPMOVMSKB Y0, R10
	VPMOVMSKB Y1, R11
	SHLQ $32, R11
	ORQ  R11, R10
	NOTQ R10
	SHRQ CX, R10
	MOVQ R10, masks_stops(DI)
	ADDQ $8, DI
	ADDQ $64, AX
	DECQ R9
	JNE  loop
	VZEROUPPER
	RET

last:
	MOVQ AX, CX
	SUBQ DX, CX // how many of the 64 bytes stand before AX
	MOVQ DX, BX
	CMPQ CX, $64
	JLT  block
	VZEROUPPER

none:
	MOVQ $0, masks_digits(DI)
	MOVQ $0, masks_stops(DI)
	ADDQ $8, DI
	DECQ R9
	JNE  none
	RET
