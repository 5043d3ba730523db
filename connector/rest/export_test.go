package rest

// Guard is the check made on a resolved address just before it is dialled.
var Guard = guard

// ErrRefusedAddress is what Guard answers.
var ErrRefusedAddress = errRefusedAddress
