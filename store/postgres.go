package store

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresConnections = 8
	connectTimeout      = 10 * time.Second
)

var errURL = errors.New("not a URL of PostgreSQL: want postgres://USER:PASSWORD@HOST/DATABASE, with what is special in the password written as %XX")

// openPostgres reads the URL; nothing is connected yet. What the library says of a bad URL is not told: it may hold the password.
func openPostgres(where string) (*Store, error) {
	s := &Store{name: "postgres://…", now: time.Now}
	if u, err := url.Parse(where); err == nil {
		s.name = shown(u)
	}
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return nil, s.fault(errURL)
	}
	s.secret = config.Password
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "certscan"
	}
	s.db = stdlib.OpenDB(*config)
	s.db.SetMaxOpenConns(postgresConnections)
	return s, nil
}

// shown is a URL without password and parameters, one of which may be a password as well.
func shown(u *url.URL) string {
	out := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if name := u.User.Username(); name != "" {
		out.User = url.User(name)
	}
	return out.String()
}

// postgresAdvice says what to do about an error of the server, by its SQLSTATE (PostgreSQL's documentation, appendix A).
func postgresAdvice(state, message string) string {
	switch state {
	case "28P01", "28000":
		return "user or password is wrong: correct the URL"
	case "3D000":
		return "there is no such database: create it with createdb, or correct the URL"
	case "42501":
		return "this user may not create tables there: grant it CREATE on the schema, or give certscan a database of its own"
	case "42P07":
		return "a table of that name belongs to somebody else: give certscan a database of its own"
	case "53100":
		return "no room left on the server's disk: make room there; what was stored before is kept"
	case "25006":
		return "the server takes no writes (a standby?): name the primary"
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", message, strconv.Quote(state))
}
