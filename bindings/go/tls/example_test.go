// SPDX-License-Identifier: Apache-2.0

package tls_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"sessile.dev/go"
	"sessile.dev/go/tls"
)

// configs are a server's, with a certificate for localhost, and that of a client which trusts it.
func configs() (server, client *tls.Config) {
	certificate, key, err := identity("localhost")
	if err != nil {
		log.Fatal(err)
	}
	serving, err := sessile.NewTLSConfig(sessile.Server)
	if err != nil {
		log.Fatal(err)
	}
	if err := serving.SetCertificate(certificate); err != nil {
		log.Fatal(err)
	}
	if err := serving.SetKey(key); err != nil {
		log.Fatal(err)
	}
	trusting, err := sessile.NewTLSConfig(sessile.Client)
	if err != nil {
		log.Fatal(err)
	}
	if err := trusting.Trust(certificate); err != nil {
		log.Fatal(err)
	}
	return &tls.Config{TLS: serving}, &tls.Config{TLS: trusting, ServerName: "localhost"}
}

// A server and a client of net/http.
func Example() {
	server, client := configs()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		log.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello")
	})}
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()

	transport := &http.Transport{DialTLSContext: (&tls.Dialer{Config: client}).DialContext}
	response, err := (&http.Client{Transport: transport}).Get("https://" + listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Printf("%s: %s %v\n", response.Status, body, err)
	_ = web.Shutdown(context.Background())
	fmt.Println(<-done)
	// Output:
	// 200 OK: hello <nil>
	// http: Server closed
}

// Any net.Conn will do below; here it is one in memory.
func ExampleClient() {
	server, client := configs()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn := tls.Server(far, server)
		defer conn.Close()
		if _, err := io.Copy(conn, conn); err != nil {
			log.Fatal(err)
		}
	}()
	conn := tls.Client(near, client)
	if _, err := io.WriteString(conn, "there and back"); err != nil {
		log.Fatal(err)
	}
	back := make([]byte, len("there and back"))
	_, err := io.ReadFull(conn, back)
	fmt.Printf("%s %v\n", back, err)
	state, err := conn.State()
	fmt.Println(state.Version, err)
	_ = conn.CloseWrite()
	_, err = conn.Read(back)
	fmt.Println(err)
	_ = conn.Close()
	<-done
	// Output:
	// there and back <nil>
	// TLSv1.3 <nil>
	// EOF
}
