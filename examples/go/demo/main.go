// SPDX-License-Identifier: Apache-2.0

// Demo is the demo's act in Go:
//
//	demo FOLDER HTTPS_PORT SSH_PORT USER FILE
//
// FOLDER has ca.pem, known, user.key. Fetches FILE by HTTPS with net/http, sends it by SSH, and gets it back. What was
// agreed on goes to stderr, a line of JSON for each session.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sessile.dev/go"
	"sessile.dev/go/ssh"
	"sessile.dev/go/tls"
)

// tell writes a line of names and texts, and how long it took.
func tell(begin time.Time, seconds string, facts ...string) {
	fmt.Fprint(os.Stderr, "{")
	for i := 0; i < len(facts); i += 2 {
		fmt.Fprintf(os.Stderr, "%q: %q, ", facts[i], facts[i+1])
	}
	fmt.Fprintf(os.Stderr, "%q: %.4f}\n", seconds, time.Since(begin).Seconds())
}

func fetch(folder, port, name string) ([]byte, error) {
	begin := time.Now()
	config, err := sessile.NewTLSConfig(sessile.Client)
	if err != nil {
		return nil, err
	}
	if err := config.TrustFile(filepath.Join(folder, "ca.pem")); err != nil {
		return nil, err
	}
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &tls.Config{TLS: config, ServerName: "localhost"})
	if err != nil {
		return nil, err
	}
	state, err := conn.State()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{
		DialTLS: func(string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true,
	}}
	response, err := client.Get("https://localhost/" + name)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s, %w", name, response.Status, err)
	}
	tell(begin, "https_seconds", "version", state.Version, "cipher", state.Cipher, "group", state.Group)
	return data, nil
}

func login(folder, port, user string) (*ssh.Client, error) {
	text, err := os.ReadFile(filepath.Join(folder, "user.key"))
	if err != nil {
		return nil, err
	}
	key, err := sessile.ParseKey(text, nil)
	if err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(filepath.Join(folder, "known")); err != nil {
		return nil, err
	}
	known, err := sessile.ParseKnownHosts(text, nil)
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, KnownHosts: known,
	})
}

// run runs a command, with what it is to read, and returns what it writes.
func run(client *ssh.Client, command string, in []byte) ([]byte, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	session.Stdin = bytes.NewReader(in)
	return session.Output(command)
}

func thereAndBack(folder, port, user string, data []byte) ([]byte, error) {
	begin := time.Now()
	client, err := login(folder, port, user)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	path := "'" + filepath.Join(folder, "go.there") + "'"
	if _, err := run(client, "cat > "+path, data); err != nil {
		return nil, err
	}
	back, err := run(client, "cat "+path, nil)
	if err != nil {
		return nil, err
	}
	tell(begin, "ssh_seconds", "kex", client.Info(sessile.InfoKEX), "cipher", client.Info(sessile.InfoCipherOut),
		"peer", client.Info(sessile.InfoPeer))
	return back, nil
}

func demo(folder, httpsPort, sshPort, user, name string) error {
	data, err := fetch(folder, httpsPort, name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "go.copy"), data, 0o600); err != nil {
		return err
	}
	back, err := thereAndBack(folder, sshPort, user, data)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "go.back"), back, 0o600)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 6 {
		log.Fatal("usage: demo FOLDER HTTPS_PORT SSH_PORT USER FILE")
	}
	if err := demo(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		log.Fatal("demo: ", err)
	}
}
