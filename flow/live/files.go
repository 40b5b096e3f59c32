package live

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

var indexPage = template.Must(template.ParseFS(static, "static/index.html"))

// file is a file of the page that is the same for all viewers.
type file struct {
	name string
	body []byte
	tag  string
}

// files returns the files of the page by the names in its links.
func files() map[string]file {
	all := map[string]file{}
	_ = fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error { // embedded: no error occurs
		if err != nil || d.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		body, err := static.ReadFile(name)
		sum := sha256.Sum256(body)
		short := name[len("static/"):]
		all[short] = file{name: short, body: body, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return err
	})
	return all
}

// serve answers with the file. A browser keeps it and asks whether it has changed.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
}

// reads refuses a request that would change something.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
	return false
}

// index answers with the page. It has the token, so no cache may keep it.
func (p *page) index(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	var body bytes.Buffer
	if err := indexPage.Execute(&body, map[string]any{"Title": p.title, "Token": p.token}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body.Bytes()) // a viewer that has gone needs no page
}
