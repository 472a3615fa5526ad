// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sessile.dev/go"
	"sessile.dev/go/tls"
)

// readme is the program of README that has a text, built but for its addresses, in a folder of its own.
func readme(t *testing.T, having string, replace ...string) (program, folder string) {
	tree, err := filepath.Abs("../../..")
	must(t, err)
	text, err := os.ReadFile(filepath.Join(tree, "README.md"))
	must(t, err)
	folder = t.TempDir()
	for _, block := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(block[1], having) {
			continue
		}
		for i := 0; i < len(replace); i += 2 {
			if !strings.Contains(block[1], replace[i]) {
				t.Fatal("README has no ", replace[i])
			}
		}
		source := strings.NewReplacer(replace...).Replace(block[1])
		must(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(source), 0o600))
		must(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module readme\n\ngo 1.21\n\n"+
			"require sessile.dev/go v0.0.0\n\nreplace sessile.dev/go => "+tree+"/bindings/go\n"), 0o600))
		build := exec.Command("go", "build", "-o", "program", ".")
		build.Dir = folder
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		return filepath.Join(folder, "program"), folder
	}
	t.Fatal("README has no program with ", having)
	return "", ""
}

func TestReadmesClientOfTLSWorks(t *testing.T) {
	made := newConfigs(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", made.server)
	must(t, err)
	stop := serve(t, listener, &http.Server{Handler: http.HandlerFunc(hello)})
	defer stop()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	program, folder := readme(t, "tls.Dial", "example.org:443", "localhost:"+port, "example.org", "localhost")
	trusted := filepath.Join(folder, "trusted.pem")
	must(t, os.WriteFile(trusted, made.certificate, 0o600))
	command := exec.Command(program)
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+trusted)
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "200 OK") {
		t.Fatal(err, string(out))
	}
}

func TestReadmesClientOfSSHWorks(t *testing.T) {
	s := newServer(t)
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	must(t, err)
	s.allow(key)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer s.work.Wait()
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			s.serve(conn)
		}
	}()
	program, folder := readme(t, "ssh.Dial", "example.org:22", listener.Addr().String(), "uname -a", "both")
	private, err := key.Marshal(sessile.FormatOpenSSH, nil, "", 0)
	must(t, err)
	line, err := sessile.KnownHostsLine("127.0.0.1", listener.Addr().(*net.TCPAddr).Port, s.key, false)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "id_ed25519"), private, 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "known_hosts"), line, 0o600))
	command := exec.Command(program)
	command.Dir = folder
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil || string(out) != "out" {
		t.Fatal(err, string(out), errs.String())
	}
}
