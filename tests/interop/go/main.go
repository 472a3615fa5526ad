// SPDX-License-Identifier: Apache-2.0

// A TLS peer on Go's crypto/tls: client or server, one job per connection, one line of JSON about each.
//
// The options and the JSON are those of python_peer.py, and -ocsp here only. Jobs of a client: echo (send, and expect
// the same back), get (ask for a file by name, and read to the end), cut (as echo, then the socket is closed without
// close_notify). A server echoes.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const (
	piece   = 65536
	timeout = 20 * time.Second
)

var errCut = errors.New("cut on purpose")

type options struct {
	cert, key, ca, name, alpn, tls, text, job, ocsp, group string
	port, size, count                                      int
}

type result struct {
	Listening int    `json:"listening,omitempty"`
	Version   string `json:"version"`
	Cipher    string `json:"cipher"`
	ALPN      string `json:"alpn"`
	SNI       string `json:"sni"`
	Peer      string `json:"peer"`
	Resumed   bool   `json:"resumed"`
	OCSP      int    `json:"ocsp"`
	Bytes     int    `json:"bytes"`
	Sent      string `json:"sent"`
	Received  string `json:"received"`
	End       string `json:"end"`
	Error     string `json:"error"`
}

func parse() (string, options) {
	var o options
	if len(os.Args) < 2 {
		fail(errors.New("client or server?"))
	}
	set := flag.NewFlagSet("peer", flag.ExitOnError)
	for name, place := range map[string]*string{"cert": &o.cert, "key": &o.key, "ca": &o.ca, "name": &o.name,
		"alpn": &o.alpn, "tls": &o.tls, "text": &o.text, "ocsp": &o.ocsp, "group": &o.group} {
		set.StringVar(place, name, "", "")
	}
	set.StringVar(&o.job, "job", "echo", "")
	set.IntVar(&o.port, "port", 0, "")
	set.IntVar(&o.size, "size", 0, "")
	set.IntVar(&o.count, "count", 1, "")
	if err := set.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	return os.Args[1], o
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func tell(r result) {
	line, err := json.Marshal(r)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func loadCertificate(o options) (tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err == nil && o.ocsp != "" {
		certificate.OCSPStaple, err = os.ReadFile(o.ocsp)
	}
	return certificate, err
}

func makeConfig(role string, o options) (*tls.Config, error) {
	config := &tls.Config{ServerName: o.name, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	switch o.tls {
	case "1.2":
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	case "1.3":
		config.MinVersion, config.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	}
	if o.alpn != "" {
		config.NextProtos = strings.Split(o.alpn, ",")
	}
	if o.group == "secp384r1" {
		config.CurvePreferences = []tls.CurveID{tls.CurveP384}
	}
	if o.cert != "" {
		certificate, err := loadCertificate(o)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if o.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	if role == "client" {
		config.RootCAs = pool
	} else {
		config.ClientCAs, config.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func facts(conn *tls.Conn, r *result) {
	state := conn.ConnectionState()
	r.Version = map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[state.Version]
	r.Cipher = tls.CipherSuiteName(state.CipherSuite)
	r.ALPN = state.NegotiatedProtocol
	r.SNI = state.ServerName
	r.Resumed = state.DidResume
	r.OCSP = len(conn.OCSPResponse())
	if len(state.PeerCertificates) > 0 {
		r.Peer = state.PeerCertificates[0].Subject.CommonName
	}
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

func clientData(o options) []byte {
	if o.text != "" {
		return []byte(o.text)
	}
	data := make([]byte, o.size)
	for i := range data {
		data[i] = byte(i)
	}
	return data
}

func clientEcho(conn *tls.Conn, o options, r *result) error {
	data := clientData(o)
	back := make([]byte, len(data))
	for start := 0; start < len(data); start += piece {
		end := start + piece
		if end > len(data) {
			end = len(data)
		}
		if _, err := conn.Write(data[start:end]); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, back[start:end]); err != nil {
			return err
		}
	}
	r.Bytes, r.Sent, r.Received = len(data), sum(data), sum(back)
	return nil
}

func readToEnd(conn *tls.Conn, r *result, to io.Writer) error {
	var received bytes.Buffer
	_, err := io.Copy(io.MultiWriter(&received, to), conn)
	r.Bytes, r.Received = received.Len(), sum(received.Bytes())
	return err
}

func job(conn *tls.Conn, role string, o options, r *result) error {
	switch {
	case role == "server":
		return readToEnd(conn, r, conn)
	case o.job == "get":
		if _, err := conn.Write([]byte(o.text + "\n")); err != nil {
			return err
		}
		return readToEnd(conn, r, io.Discard)
	default:
		return clientEcho(conn, o, r)
	}
}

// The job, then close_notify both ways. Go takes the end of the wire between two records for one too.
func converse(conn *tls.Conn, role string, o options, r *result) error {
	if err := conn.Handshake(); err != nil {
		return err
	}
	facts(conn, r)
	if err := job(conn, role, o, r); err != nil {
		return err
	}
	if o.job == "cut" {
		return errCut
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, conn)
	return err
}

func serveOrAsk(plain net.Conn, config *tls.Config, role string, o options) {
	var r result
	defer plain.Close()
	if err := plain.SetDeadline(time.Now().Add(timeout)); err != nil {
		fail(err)
	}
	conn := tls.Client(plain, config)
	if role == "server" {
		conn = tls.Server(plain, config)
	}
	err := converse(conn, role, o, &r)
	switch {
	case err == nil:
		r.End = "clean"
	case err == errCut:
		r.End = "cut"
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.End, r.Error = "truncated", err.Error()
	default:
		r.End, r.Error = "failed", err.Error()
	}
	tell(r)
}

func main() {
	role, o := parse()
	config, err := makeConfig(role, o)
	if err != nil {
		fail(err)
	}
	var listener net.Listener
	if role == "server" {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			fail(err)
		}
		tell(result{Listening: listener.Addr().(*net.TCPAddr).Port})
	}
	for i := 0; i < o.count; i++ {
		var plain net.Conn
		if role == "server" {
			plain, err = listener.Accept()
		} else {
			plain, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
		}
		if err != nil {
			fail(err)
		}
		serveOrAsk(plain, config, role, o)
	}
}
