package standin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/weir-go/weir/examples/internal/standin"
)

func ExampleNew() {
	_, err := standin.New(standin.Manners{RetryAfter: 300 * time.Millisecond})
	fmt.Println(err)
	// Output: standin: retry after 300ms is not a number of whole seconds
}

func ExampleTypical() {
	m := standin.Typical()
	fmt.Println(m.MinLatency, m.MaxLatency, m.Outage)
	// Output: 5ms 40ms 1.5s
}

func ExampleServer_Start() {
	server, err := standin.New(standin.Manners{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	base, err := server.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(base + "/models")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 200 OK
}

func ExampleServer_Close() {
	server, _ := standin.New(standin.Manners{})
	fmt.Println(server.Close())
	// Output: <nil>
}

func ExampleServer_ServeHTTP() {
	server, _ := standin.New(standin.Manners{FailEvery: 1})
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(
		`{"model":"m","messages":[{"role":"user","content":"Summarise.\n\nPackage sort sorts. Slowly."}]}`)))
	fmt.Println(w.Code)
	// Output: 500
}

func ExampleServer_Served() {
	server, _ := standin.New(standin.Manners{OutageAt: 1, Outage: time.Minute})
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(
		`{"model":"m","messages":[{"role":"user","content":"Hello."}]}`)))
	fmt.Printf("%+v\n", server.Served())
	// Output: {Requests:1 Prompts:1 Answered:0 Throttled:0 Failed:0 Refused:1 Dropped:0 Rejected:0}
}
