package web

import (
	"net/http"
	"time"
)

// policy lets in what the binary itself serves and nothing else: no inline
// script or style, no frame, no foreign form target (REQUIREMENTS X-12).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm is the largest form a page takes, in bytes.
const maxForm = 1 << 20

// secure wraps the page in what holds for every answer: headers that keep a
// browser from helping anybody else, and the refusal of requests that another
// site made the browser send (X-9; the standard library's check of
// Sec-Fetch-Site and Origin, with SameSite cookies as the second lock).
func (s *server) secure(next http.Handler) http.Handler {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		head.Set("X-Robots-Tag", "noindex, nofollow")
		head.Set("Cache-Control", "no-store")
		if s.Secure {
			head.Set("Strict-Transport-Security", "max-age=63072000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.serve(route{serve: (*call).crossOrigin}))
	return guard.Handler(h)
}

// The cookies. A __Host- name would bind them to HTTPS, which the demonstration
// on a loopback address does not have.
const (
	sessionCookie  = "gallra_session"
	languageCookie = "gallra_lang"
)

func (s *server) cookie(name, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode}
	if age != 0 {
		c.MaxAge = int(age / time.Second)
	}
	return c
}
