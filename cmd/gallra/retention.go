package main

type retentionCmd struct{}
type requestCmd struct{}
type demoCmd struct{}
type serveCmd struct{}
type workerCmd struct{}
