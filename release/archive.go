package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// file is a file of an archive.
type file struct {
	path    string
	content []byte
	mode    os.FileMode
}

// pack writes an artifact that is an archive, .zip or .tar.gz. Only the files, their order, and the time of the release
// determine its bytes.
func (r *release) pack(name string, files []file) error {
	pack := packTar
	if filepath.Ext(name) == ".zip" {
		pack = packZip
	}
	archive, err := pack(files, r.time)
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return r.write(name, archive)
}

func packZip(files []file, modified time.Time) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: modified}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return archive.Bytes(), err
}

func packTar(files []file, modified time.Time) ([]byte, error) {
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	w := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{Name: f.path, Size: int64(len(f.content)), Mode: int64(f.mode), ModTime: modified, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err := compressed.Close()
	return archive.Bytes(), err
}
