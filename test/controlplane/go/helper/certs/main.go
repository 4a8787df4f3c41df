// Command certs makes the certificates of a test control plane.
//
//	certs init DIR                        ca.{crt,key}, serving.{crt,key}, service-account.{key,pub} in DIR
//	certs client DIR FILE USER [GROUP...] FILE.{crt,key}: a client certificate of that user, signed by DIR's CA
//
// All of them end after a day: a control plane lives as long as a test run.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "certs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "init":
		return initialize(args[1])
	case len(args) >= 4 && args[0] == "client":
		return client(args[1], args[2], args[3], args[4:])
	}
	return errors.New("usage: certs init DIR | certs client DIR FILE USER [GROUP...]")
}

func initialize(dir string) error {
	ca := template(pkix.Name{CommonName: "test control plane"})
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "ca"), ca, ca, key, key); err != nil {
		return err
	}

	serving := template(pkix.Name{CommonName: "kube-apiserver"})
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	serving.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 96, 0, 1)}
	serving.DNSNames = []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	if host, err := os.Hostname(); err == nil {
		serving.DNSNames = append(serving.DNSNames, host)
	}
	// Every address of this machine: kubelets in network namespaces of their own reach the control plane through one of them.
	if addresses, err := net.InterfaceAddrs(); err == nil {
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok {
				serving.IPAddresses = append(serving.IPAddresses, network.IP)
			}
		}
	}
	if err := sign(dir, filepath.Join(dir, "serving"), serving); err != nil {
		return err
	}

	// RSA, since AWS STS and the clusters of EKS speak RS256.
	account, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, "service-account.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(account), 0o600); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(account.Public())
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "service-account.pub"), "PUBLIC KEY", public, 0o644)
}

func client(dir, file, user string, groups []string) error {
	certificate := template(pkix.Name{CommonName: user, Organization: groups})
	certificate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return sign(dir, file, certificate)
}

func template(subject pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// sign writes file.crt and file.key with a new key, signed by the CA of dir.
func sign(dir, file string, certificate *x509.Certificate) error {
	caBlock, err := readPEM(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(caBlock)
	if err != nil {
		return err
	}
	keyBlock, err := readPEM(filepath.Join(dir, "ca.key"))
	if err != nil {
		return err
	}
	caKey, err := x509.ParseECPrivateKey(keyBlock)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return write(file, certificate, ca, key, caKey)
}

func write(file string, certificate, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) error {
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(file+".crt", "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	return writePEM(file+".key", "EC PRIVATE KEY", keyDER, 0o600)
}

func readPEM(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	return block.Bytes, nil
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
