package kundo

// Open opens a source whose way to the server a test may change.
var Open = open
