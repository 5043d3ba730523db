package demo_test

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/gallra/gallra/internal/demo"
)

// Memory does not grow with the size.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 200 000 records")
	}
	used := func(size int) uint64 {
		dir := t.TempDir()
		runtime.GC()
		if _, err := demo.Make(context.Background(), dir, demo.Options{Size: size, Now: now}); err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = os.RemoveAll(dir)
		return m.HeapInuse
	}
	small, large := used(2_000), used(200_000)
	if large > small+32<<20 {
		t.Errorf("%d MB for 100 times as much, %d MB before", large>>20, small>>20)
	}
}
