package rest

import (
	"encoding/base64"
	"fmt"
	"log/slog"
)

// Auth is how a client shows who it is. It hides itself from fmt and slog.
type Auth struct{ header, value string }

// Bearer sends an OAuth access token.
func Bearer(token string) Auth { return some("Authorization", "Bearer ", token) }

// Basic sends a user and a password, or what a vendor puts in their place.
func Basic(user, password string) Auth {
	if user == "" || password == "" {
		return Auth{}
	}
	return Auth{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

// Header sends a token in a header of the vendor's own.
func Header(name, token string) Auth { return some(name, "", token) }

func some(header, prefix, token string) Auth {
	if token == "" {
		return Auth{}
	}
	return Auth{header, prefix + token}
}

// String returns a fixed text.
func (a Auth) String() string { return "[credentials]" }

// Format hides the credentials from every fmt verb.
func (a Auth) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.String())) }

// LogValue implements slog.LogValuer as String.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }
