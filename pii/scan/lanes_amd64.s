#include "go_asm.h"
#include "textflag.h"

// LETTERS makes S the numbers of the letters of the alphabet in C, 1 to 26, and 0
// of all else. Y8 to Y11 are foldBytes_small and on.
#define LETTERS(C, S, T) \
	VPOR Y8, C, S; \
	VPADDB Y9, S, T; \
	VPCMPGTB T, Y10, T; \
	VPADDB Y11, S, S; \
	VPAND T, S, S

// LATIN adds to S what the bytes of letters from U+00C0 to U+00FF stand for. The
// top bits of FOREIGN become those of the first bytes of other characters, and of
// TAIL those of bytes that go on with one. Y7 to Y12 are foldBytes_half and on, Y13
// and Y14 foldLetters.
#define LATIN(C, S, FOREIGN, TAIL, T, U) \
	VPAND Y7, C, T; \
	VPSHUFB T, Y14, U; \
	VPSHUFB T, Y13, T; \
	VPSLLW $3, C, TAIL; \
	VPBLENDVB TAIL, U, T, T; \
	VPCMPEQB Y8, C, U; \
	VPAND Y9, U, U; \
	VPADDB U, T, T; \
	VPCMPGTB C, Y10, TAIL; \
	VPAND TAIL, T, T; \
	VPOR T, S, S; \
	VPCMPEQB Y11, C, T; \
	VPOR T, TAIL, FOREIGN; \
	VPAND Y12, T, T; \
	VPOR T, S, S; \
	VPANDN C, FOREIGN, FOREIGN

// STEP takes the step of a lane from state S by the byte that is D bytes from I on,
// and goes to HIT where cues end.
#define STEP(I, S, D, HIT, BACK) \
	MOVBLZX 64+D(SP)(I*1), R12; \
	LEAQ (SI)(R12*2), R12; \
	MOVWLZX (R12)(S*8), S; \
	CMPL S, R15; \
	JCC HIT; \
BACK:

// NOTE keeps the state S after the byte that is D bytes from I on.
#define NOTE(I, S, D, HIT, BACK) \
HIT: \
	LEAQ D(I), R12; \
	SHLL $16, R12; \
	ORL S, R12; \
	MOVL R12, 128(SP)(R13*4); \
	INCQ R13; \
	CMPQ R13, $const_maxHits; \
	JNE BACK; \
	JMP no

// func lanesVector(c *cues, a *automaton, t string, n int) bool
TEXT ·lanesVector(SB), NOSPLIT, $240-41
	MOVQ c+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ t_base+16(FP), AX
	MOVQ t_len+24(FP), CX
	MOVQ n+32(FP), R10
	SUBQ $64, CX
	JLT  short
	ADDQ CX, AX

window:
	VMOVDQU (AX), Y0
	VMOVDQU 32(AX), Y1
	VPBROADCASTB ·foldBytes+foldConstants_small(SB), Y8
	VPBROADCASTB ·foldBytes+foldConstants_lowest(SB), Y9
	VPBROADCASTB ·foldBytes+foldConstants_behind(SB), Y10
	VPBROADCASTB ·foldBytes+foldConstants_number(SB), Y11
	LETTERS(Y0, Y2, Y4)
	VPMOVMSKB Y4, R9
	LETTERS(Y1, Y3, Y4)
	VPMOVMSKB Y4, BX
	VPBROADCASTB ·foldBytes+foldConstants_half(SB), Y7
	VPBROADCASTB ·foldBytes+foldConstants_last(SB), Y8
	VPBROADCASTB ·foldBytes+foldConstants_mend(SB), Y9
	VPBROADCASTB ·foldBytes+foldConstants_lead(SB), Y10
	VPBROADCASTB ·foldBytes+foldConstants_latin(SB), Y11
	VPBROADCASTB ·foldBytes+foldConstants_skip(SB), Y12
	VBROADCASTI128 ·foldLetters+0(SB), Y13
	VBROADCASTI128 ·foldLetters+16(SB), Y14
	LATIN(Y0, Y2, Y4, Y15, Y5, Y6)
	VPMOVMSKB Y4, R8
	VPMOVMSKB Y15, R11
	LATIN(Y1, Y3, Y4, Y15, Y5, Y6)
	VPMOVMSKB Y4, DX
	VPMOVMSKB Y15, R12
	VMOVDQU Y2, 64(SP)
	VMOVDQU Y3, 96(SP)
	VPCMPEQB Y12, Y2, Y4
	VPCMPEQB Y12, Y3, Y5
	VPXOR Y15, Y15, Y15
	VPCMPEQB Y15, Y2, Y2
	VPCMPEQB Y15, Y3, Y3
	MOVL $64, CX
	SUBQ R10, CX // what is not read
	SHLQ $32, DX
	ORQ  DX, R8
	SHRQ CX, R8
	JNE  other

	// Behind what goes on with a character, and with a word, in which the window
	// opens, stands the first byte that is read: BX the letters, R12 the others.
	SHLQ $32, BX
	ORQ  R9, BX
	SHLQ $32, R12
	ORQ  R11, R12
	MOVQ R12, AX
	NOTQ AX
	SHRQ CX, AX
	TESTQ AX, AX
	JEQ  other
	TZCNTQ AX, AX
	LEAQ (CX)(AX*1), R9
	MOVQ CX, R13 // kept
	LEAQ -1(R9), CX
	MOVQ BX, AX
	SHRQ CX, AX
	NEGQ AX // odd when there is a letter before
	ANDL $1, AX
	NEGQ AX
	ANDQ AX, BX
	NOTQ BX
	MOVQ R9, CX
	SHRQ CX, BX
	TESTQ BX, BX
	JEQ  other
	TZCNTQ BX, BX
	ADDQ BX, R9

	// Ends of words, for that is what stands before.
	VMOVDQU Y15, 0(SP)
	VMOVDQU Y15, 32(SP)
	VMOVDQU Y15, 0(SP)(R9*1)
	VMOVDQU Y15, 32(SP)(R9*1)
	VPMOVMSKB Y4, R11
	VPMOVMSKB Y5, R8
	SHLQ $32, R8
	ORQ  R8, R11
	VPMOVMSKB Y2, R9
	VPMOVMSKB Y3, R8
	VZEROUPPER
	SHLQ $32, R8
	ORQ  R8, R9
	MOVQ R9, 224(SP)
	LEAQ (R11)(R11*1), R8
	TESTQ R8, R9 // that may lead to the same state or not
	JNE  other
	LEAQ (R9)(R9*1), R8
	ANDQ R9, R8
	ORQ  R8, R11
	MOVQ R11, 232(SP)
	BTSQ $63, R9

	// A quarter of a window, and on to the end of the word. What stands three bytes
	// before is taken, for that is how much words go on.
	SHRQ $2, R10
	LEAQ -3(R13)(R10*1), CX
	MOVQ R9, AX
	SHRQ CX, AX
	TZCNTQ AX, AX
	LEAQ 1(AX)(CX*1), AX
	ADDQ R10, CX
	MOVQ R9, BX
	SHRQ CX, BX
	TZCNTQ BX, BX
	LEAQ 1(BX)(CX*1), BX
	ADDQ R10, CX
	SHRQ CX, R9
	TZCNTQ R9, R9
	LEAQ 1(R9)(CX*1), CX
	MOVL AX, cues_lanes+lanes_split+0(DI)
	MOVL BX, cues_lanes+lanes_split+4(DI)
	MOVL CX, cues_lanes+lanes_split+8(DI)
	MOVL $64, DX

	// All lanes end where the next begins and are as long as the longest, and one
	// byte, for the end of the word before, or up to four; sixteen at least, as
	// most are.
	MOVQ AX, R8
	SUBQ R13, R8
	MOVQ BX, R9
	SUBQ AX, R9
	CMPQ R9, R8
	CMOVQGT R9, R8
	MOVQ CX, R9
	SUBQ BX, R9
	CMPQ R9, R8
	CMOVQGT R9, R8
	MOVQ DX, R9
	SUBQ CX, R9
	CMPQ R9, R8
	CMOVQGT R9, R8
	ADDQ $4, R8
	ANDQ $~3, R8
	MOVL $16, R9
	CMPQ R9, R8
	CMOVQGT R9, R8
	SUBQ R8, AX
	SUBQ R8, BX
	SUBQ R8, CX
	SUBQ R8, DX

	MOVL automaton_first(SI), R15
	MOVQ automaton_next(SI), SI
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	XORL R11, R11
	XORL R13, R13

loop:
	STEP(AX, R8, 0, hitAX0, onAX0)
	STEP(BX, R9, 0, hitBX0, onBX0)
	STEP(CX, R10, 0, hitCX0, onCX0)
	STEP(DX, R11, 0, hitDX0, onDX0)
	STEP(AX, R8, 1, hitAX1, onAX1)
	STEP(BX, R9, 1, hitBX1, onBX1)
	STEP(CX, R10, 1, hitCX1, onCX1)
	STEP(DX, R11, 1, hitDX1, onDX1)
	STEP(AX, R8, 2, hitAX2, onAX2)
	STEP(BX, R9, 2, hitBX2, onBX2)
	STEP(CX, R10, 2, hitCX2, onCX2)
	STEP(DX, R11, 2, hitDX2, onDX2)
	STEP(AX, R8, 3, hitAX3, onAX3)
	STEP(BX, R9, 3, hitBX3, onBX3)
	STEP(CX, R10, 3, hitCX3, onCX3)
	STEP(DX, R11, 3, hitDX3, onDX3)
	ADDQ $4, AX
	ADDQ $4, BX
	ADDQ $4, CX
	ADDQ $4, DX
	CMPQ DX, $64
	JNE  loop
	MOVL R8, cues_lanes+lanes_state+0(DI)
	MOVL R9, cues_lanes+lanes_state+4(DI)
	MOVL R10, cues_lanes+lanes_state+8(DI)
	MOVL R11, cues_lanes+lanes_state+12(DI)

	// What ends where, as found notes it: R8 the ends of words, R9 what leads from a
	// state to itself.
	MOVQ 224(SP), R8
	MOVQ 232(SP), R9
	MOVQ a+8(FP), SI
	MOVQ automaton_hits(SI), SI
	MOVQ t_len+24(FP), DX
	SUBQ cues_from(DI), DX
	MOVQ cues_seen(DI), R11
	XORL R10, R10

next:
	DECQ R13
	JLT  done
	MOVWLZX 128(SP)(R13*4), AX
	MOVWLZX 130(SP)(R13*4), CX
	BTQ  CX, R9
	JCS  next
	LEAQ -63(DX)(CX*1), BX
	BTQ  CX, R8
	SBBQ $0, BX
	SUBL R15, AX
	MOVQ (SI)(AX*1), AX // a state is its number eightfold

set:
	TZCNTQ AX, CX
	MOVL cues_end(DI)(CX*4), R12
	BTQ  CX, R11
	CMOVQCC R10, R12
	CMPQ R12, BX
	CMOVQLT BX, R12
	MOVL R12, cues_end(DI)(CX*4)
	BTSQ CX, R11
	LEAQ -1(AX), CX
	ANDQ CX, AX
	JNE  set
	JMP  next

done:
	MOVQ R11, cues_seen(DI)
	MOVB $1, ret+40(FP)
	RET

	NOTE(AX, R8, 0, hitAX0, onAX0)
	NOTE(BX, R9, 0, hitBX0, onBX0)
	NOTE(CX, R10, 0, hitCX0, onCX0)
	NOTE(DX, R11, 0, hitDX0, onDX0)
	NOTE(AX, R8, 1, hitAX1, onAX1)
	NOTE(BX, R9, 1, hitBX1, onBX1)
	NOTE(CX, R10, 1, hitCX1, onCX1)
	NOTE(DX, R11, 1, hitDX1, onDX1)
	NOTE(AX, R8, 2, hitAX2, onAX2)
	NOTE(BX, R9, 2, hitBX2, onBX2)
	NOTE(CX, R10, 2, hitCX2, onCX2)
	NOTE(DX, R11, 2, hitDX2, onDX2)
	NOTE(AX, R8, 3, hitAX3, onAX3)
	NOTE(BX, R9, 3, hitBX3, onBX3)
	NOTE(CX, R10, 3, hitCX3, onCX3)
	NOTE(DX, R11, 3, hitDX3, onDX3)

	// Before a text of fewer bytes there are zeros.
short:
	VPXOR Y0, Y0, Y0
	VMOVDQU Y0, 128(SP)
	VMOVDQU Y0, 160(SP)
	LEAQ 192(SP), R8
	ADDQ $64, CX
	SUBQ CX, R8

byte:
	DECQ CX
	JLT  copied
	MOVBLZX (AX)(CX*1), R9
	MOVB R9, (R8)(CX*1)
	JMP  byte

copied:
	LEAQ 128(SP), AX
	JMP  window

other:
	VZEROUPPER

no:
	MOVB $0, ret+40(FP)
	RET
