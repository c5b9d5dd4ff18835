package engine

import (
	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Names of the packages below, as module knows them.

// Address is sip.Address.
type Address = sip.Address

// Content is sip.Content.
type Content = sip.Content

// Key is sip.Key.
type Key = sip.Key

// Kind is sip.Kind.
type Kind = sip.Kind

// Request is sip.Request.
type Request = sip.Request

// TextPlan is sip.TextPlan.
type TextPlan = sip.TextPlan

// The kinds of a body.
const (
	KindOther      = sip.KindOther
	KindText       = sip.KindText
	KindTyping     = sip.KindTyping
	KindCommand    = sip.KindCommand
	KindReceipt    = sip.KindReceipt
	KindNotice     = sip.KindNotice
	KindLooped     = sip.KindLooped
	KindTooLong    = sip.KindTooLong
	KindUnreadable = sip.KindUnreadable
)

// ErrInvalidURI is sip.ErrInvalidURI.
var ErrInvalidURI = sip.ErrInvalidURI

// MaxURI is sip.MaxURI.
const MaxURI = sip.MaxURI

// ParseURI is sip.ParseURI.
func ParseURI(uri string) (Address, error) { return sip.ParseURI(uri) }

// AppendKey is sip.AppendKey.
func AppendKey(dst []byte, uri string) ([]byte, error) { return sip.AppendKey(dst, uri) }

// HasKey is sip.HasKey.
func HasKey[U, K ~string | ~[]byte](uri U, key K) bool { return sip.HasKey(uri, key) }

// Classify is sip.Classify.
func Classify(r *Request, start byte, maxHops int) Content { return sip.Classify(r, start, maxHops) }

// PlanText is sip.PlanText.
func PlanText(dst []byte, sender string, c *Content) TextPlan { return sip.PlanText(dst, sender, c) }

// Level is log.Level.
type Level = log.Level

// The levels of a Note.
const (
	LevelError   = log.Error
	LevelWarning = log.Warning
	LevelNotice  = log.Notice
	LevelInfo    = log.Info
	LevelDebug   = log.Debug
)

// Note is log.Note.
type Note = log.Note

// Member is room.Member.
type Member = room.Member

// RoleOwner is room.RoleOwner.
const RoleOwner = room.RoleOwner

// RoomView is room.View.
type RoomView = room.View

// RoomRecord is room.Record.
type RoomRecord = room.Record

// Store is storage.Store.
type Store = storage.Store

// ErrUnavailable is storage.ErrUnavailable.
var ErrUnavailable = storage.ErrUnavailable

// CodeInvite is command.CodeInvite.
const CodeInvite = command.CodeInvite
