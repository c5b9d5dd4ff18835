package testdb

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// galeraLibrary is the replication library that Debian's mariadb-server
// depends on.
const galeraLibrary = "/usr/lib/galera/libgalera_smm.so"

// HasGalera reports whether StartGalera can work on this machine.
func HasGalera() bool {
	_, err := os.Stat(galeraLibrary)
	return err == nil
}

// StartGalera starts a private Galera cluster of MariaDB servers, which the
// test ends. Each is a member with all data and takes writes.
func StartGalera(tb testing.TB, servers int) []*MariaDB {
	tb.Helper()
	var cluster []*MariaDB
	address := "gcomm://"
	for range servers {
		m, listen, err := newGalera(address)
		if err != nil {
			tb.Fatalf("Galera: %v", err)
		}
		tb.Cleanup(func() {
			m.ShowLog(tb)
			if err := m.Close(); err != nil {
				tb.Errorf("Galera: %v", err)
			}
		})
		address = "gcomm://" + listen
		cluster = append(cluster, m)
	}
	return cluster
}

// newGalera starts a server that joins the cluster at an address, or founds
// one if the address names nobody. listen is where it can be joined.
func newGalera(address string) (m *MariaDB, listen string, err error) {
	var ports [3]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, "", err
		}
	}
	listen = fmt.Sprintf("127.0.0.1:%d", ports[0])
	founds := strings.HasSuffix(address, "//")
	m = &MariaDB{args: []string{
		"--wsrep-on=ON", "--wsrep-provider=" + galeraLibrary, "--wsrep-cluster-name=imc",
		"--wsrep-cluster-address=" + address, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		"--wsrep-sst-method=rsync", fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", ports[1]),
		"--wsrep-node-address=" + listen,
		fmt.Sprintf("--wsrep-provider-options=base_port=%d;gmcast.listen_addr=tcp://%s;ist.recv_addr=127.0.0.1:%d;gcache.size=16M",
			ports[0], listen, ports[2]),
	}}
	if founds {
		m.args = append(m.args, "--wsrep-new-cluster")
	}
	err = m.install()
	if err == nil {
		err = m.Start()
	}
	if err == nil {
		err = m.awaitSync()
	}
	if err == nil && founds {
		err = m.createAccount()
	}
	if err != nil {
		return nil, "", errors.Join(err, m.Close())
	}
	return m, listen, nil
}

// awaitSync waits until a server of a cluster has all data.
func (m *MariaDB) awaitSync() (err error) {
	db := m.rootDB("")
	defer func() { err = errors.Join(err, db.Close()) }()
	var name, state string
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		err := db.QueryRow("SHOW STATUS LIKE 'wsrep_local_state_comment'").Scan(&name, &state)
		if err == nil && state == "Synced" {
			return nil
		}
	}
	return fmt.Errorf("not in step with the cluster, but %q\n%s", state, logEnd(m.log.Name()))
}
