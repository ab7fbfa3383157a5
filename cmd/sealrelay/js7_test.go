package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJS7Vectors opens all that JS7's own program made, under the name of its
// script, with the output and the exit code of that program.
func TestJS7Vectors(t *testing.T) {
	dir := vectors(t)
	var index struct {
		KeyPassword string
		Vectors     []struct {
			ID, Mode, PrivateKey, KeyPassword, Plaintext, Value, EncryptedKey, IV, EncryptedValue, Header, PlainFile, EncryptedFile string
		}
		Negative []struct {
			Name, PrivateKey, Value, ToolStdout string
			ToolExit                            int
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Vectors) != 20 || len(index.Negative) != 7 {
		t.Fatalf("%d vectors, %d negative ones", len(index.Vectors), len(index.Negative))
	}
	program := filepath.Join(programDir(t), "js7_decrypt.sh")
	if err := os.Link(filepath.Join(filepath.Dir(program), "sealrelay"), program); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		command := exec.CommandContext(t.Context(), program, args...)
		command.Dir = dir
		out, err := command.Output()
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	for _, v := range index.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			key := []string{"--key=" + v.PrivateKey}
			if v.KeyPassword != "" {
				key = append(key, "--key-password="+v.KeyPassword)
			}
			if v.Mode == "string" {
				for _, args := range [][]string{
					{"--in=" + v.Value},
					{"--encrypted-key=" + v.EncryptedKey, "--iv=" + v.IV, "--in=" + v.EncryptedValue},
				} {
					if out, code := run(append(key, args...)...); code != 0 || out != v.Plaintext+"\n" {
						t.Errorf("%.20s: exit code %d, %q", args[0], code, out)
					}
				}
				return
			}
			want, err := os.ReadFile(filepath.Join(dir, v.PlainFile))
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"--in=enc:" + v.EncryptedKey + " " + v.IV + " " + v.EncryptedFile},
				{"--in=" + v.EncryptedKey + " " + v.IV + " elsewhere", "--infile=" + v.EncryptedFile},
				{"--encrypted-key=" + v.EncryptedKey, "--iv=" + v.IV, "--infile=" + v.EncryptedFile},
			} {
				to := filepath.Join(t.TempDir(), "plain")
				if out, code := run(append(append(key, args...), "--outfile="+to)...); code != 0 || out != "" {
					t.Errorf("%.20s: exit code %d, %q", args[0], code, out)
				}
				if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%.20s: %d bytes, %v", args[0], len(got), err)
				}
			}
		})
	}
	for _, v := range index.Negative {
		if out, code := run("--key="+v.PrivateKey, "--in="+v.Value); code != v.ToolExit || out != v.ToolStdout {
			t.Errorf("%s: exit code %d, %q; JS7's has %d, %q", v.Name, code, out, v.ToolExit, v.ToolStdout)
		}
	}
}
