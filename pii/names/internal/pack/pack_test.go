package pack_test

import (
	"maps"
	"testing"

	"github.com/gallra/gallra/pii/names/internal/pack"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	in := pack.Sections{"a": "one", "b": "", "c": string(make([]byte, 1000))}
	out, err := pack.Decode(string(pack.Encode(in)))
	if err != nil || !maps.Equal(in, out) {
		t.Fatalf("got %d sections, %v", len(out), err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	m := map[uint64]uint16{}
	for i := range uint64(5000) {
		m[i*0x9E3779B97F4A7C15] = uint16(i)
	}
	table, err := pack.OpenTable(pack.EncodeTable(m))
	if err != nil {
		t.Fatal(err)
	}
	for h, want := range m {
		if got, ok := table.Get(h); !ok || got != want {
			t.Fatalf("Get(%x) = %d, %v, want %d", h, got, ok, want)
		}
	}
	strangers := 0
	for i := range uint64(5000) {
		if _, ok := table.Get(i*0xC2B2AE3D27D4EB4F + 1); ok {
			strangers++
		}
	}
	if strangers > 5 {
		t.Errorf("%d of 5,000 unknown hashes found", strangers)
	}
}

// FuzzDecode: a damaged pack is an error, never a crash.
func FuzzDecode(f *testing.F) {
	f.Add(string(pack.Encode(pack.Sections{"words": pack.EncodeTable(map[uint64]uint16{1: 2, 1 << 60: 3})})))
	f.Add("gallra-langpack-1\n\x01\x00\x00\x00\x05words\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, file string) {
		s, err := pack.Decode(file)
		if err != nil {
			return
		}
		for _, section := range s {
			_, _ = pack.OpenTable(section)
		}
	})
}
