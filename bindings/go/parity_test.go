// SPDX-License-Identifier: Apache-2.0

package sessile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, pattern string) string {
	files, err := filepath.Glob(pattern)
	must(t, err)
	var text strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		must(t, err)
		text.Write(data)
	}
	return text.String()
}

func TestEveryFunctionOfTheLibraryHasItsPlace(t *testing.T) {
	include, err := exec.Command("pkg-config", "--variable=includedir", "sessile").Output()
	must(t, err)
	headers := read(t, filepath.Join(strings.TrimSpace(string(include)), "sessile", "*.h"))
	found := regexp.MustCompile(`SESSILE_API[^;(]*?\bsessile_(\w+)\(`).FindAllStringSubmatch(headers, -1)
	if len(found) < 200 {
		t.Fatal("only", len(found), "functions in the headers")
	}
	source := read(t, "*.go")
	rows := map[string]bool{}
	for _, line := range strings.Split(read(t, "parity.txt"), "\n") {
		if row := strings.Fields(line); len(row) > 1 && row[0] != "#" {
			rows[row[0]] = false
		}
	}
	for _, match := range found {
		name := match[1]
		if regexp.MustCompile(`core\.` + strings.ToUpper(name[:1]) + name[1:] + `\b`).MatchString(source) {
			continue
		}
		excused := false
		for row := range rows {
			if fits, _ := filepath.Match(row, name); fits {
				rows[row], excused = true, true
			}
		}
		if !excused {
			t.Errorf("sessile_%s has no place, and parity.txt no reason", name)
		}
	}
	for row, used := range rows {
		if !used {
			t.Errorf("parity.txt: %s fits nothing", row)
		}
	}
}
