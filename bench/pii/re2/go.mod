module github.com/gallra/gallra/bench/pii/re2

go 1.26.0

require (
	github.com/gallra/gallra v0.0.0
	github.com/wasilibs/go-re2 v1.13.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/gallra/gallra => ../../..
