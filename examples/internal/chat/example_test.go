package chat_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/primitives/outcome"
)

func ExampleNew() {
	_, err := chat.New("ftp://models", chat.Timeout(10*time.Second))
	fmt.Println(err)
	// Output: chat: base URL "ftp://models" does not start with http:// or https://
}

func ExampleKey() {
	_, err := chat.New("https://api.openai.com/v1", chat.Key("two\nlines"))
	fmt.Println(err)
	// Output: chat: the key contains a line break
}

func ExampleTimeout() {
	_, err := chat.New("https://api.openai.com/v1", chat.Timeout(-time.Second))
	fmt.Println(err)
	// Output: chat: timeout -1s is not above 0
}

func ExampleConnections() {
	_, err := chat.New("https://api.openai.com/v1", chat.Connections(0))
	fmt.Println(err)
	// Output: chat: 0 connections: at least 1 is needed
}

func ExampleClient_Complete() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
	}))
	defer service.Close()
	client, err := chat.New(service.URL + "/v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ctx := context.Background()
	_, err = client.Complete(ctx, chat.Request{Model: "m", Prompt: "Say hello."})
	fmt.Println(err)
	o := outcome.Classify(ctx, err)
	fmt.Println(o.Kind, o.After)
	// Output:
	// chat: complete: 429 Too Many Requests: slow down
	// throttled 2s
}

func ExampleClient_Ping() {
	service := httptest.NewServer(http.NotFoundHandler())
	defer service.Close()
	client, err := chat.New(service.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.Ping(context.Background()))
	// Output: <nil>
}

func ExampleClient_Close() {
	client, _ := chat.New("https://api.openai.com/v1")
	client.Close()
	// Output:
}

func ExampleClient_Forward() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"choices":[{"message":{"content":"Hello."}}]}`)
	}))
	defer service.Close()
	client, err := chat.New(service.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	answer, err := client.Forward(context.Background(), []byte(`{"model":"m","messages":[{"role":"user","content":"Say hello."}]}`))
	fmt.Printf("%s %v\n", answer, err)
	// Output: {"choices":[{"message":{"content":"Hello."}}]} <nil>
}
