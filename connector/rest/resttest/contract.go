package resttest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Contract is an OpenAPI description that everything said to a fake, and
// everything it answers, is held against. It keeps both honest: the connector
// calls what the vendor describes, and the fake answers in the vendor's words.
type Contract struct {
	router routers.Router

	mu     sync.Mutex
	broken []string
	used   map[string]int
}

// NewContract reads a description. The servers it names are left out: the paths
// are tried on any host. Whether the description itself is sound by the letter
// is not tried, as several vendors' are not.
func NewContract(description []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	doc.Servers = nil
	r, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return &Contract{router: r, used: map[string]int{}}, nil
}

// Broken returns what was said against the contract, in order.
func (c *Contract) Broken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.broken...)
}

// Used returns how often each operation was called, by "METHOD /path/{id}".
func (c *Contract) Used() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int{}
	for k, n := range c.used {
		out[k] = n
	}
	return out
}

// Breach notes what a fake itself finds wrong.
func (c *Contract) Breach(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.broken) < 20 {
		c.broken = append(c.broken, fmt.Sprintf(format, args...))
	}
}

// Wrap returns a handler that holds requests to next and its answers against
// the contract. A request that breaks it is answered with 400 and noted. An
// answer of 400 and above need not be described: few vendors do it.
func (c *Contract) Wrap(next http.Handler) http.Handler {
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := c.router.FindRoute(r)
		if err != nil {
			c.Breach("%s %s: %v", r.Method, r.URL.Path, err)
			Write(w, http.StatusBadRequest, map[string]string{"error": "not_in_contract"})
			return
		}
		op := r.Method + " " + route.Path
		c.mu.Lock()
		c.used[op]++
		c.mu.Unlock()
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			c.Breach("%s: request: %v", op, err)
			Write(w, http.StatusBadRequest, map[string]string{"error": "breaks_contract"})
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Code < 400 || route.Operation.Responses.Status(rec.Code) != nil {
			out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: options,
				Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes()))}
			if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
				c.Breach("%s: answer %d: %v", op, rec.Code, err)
			}
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}
