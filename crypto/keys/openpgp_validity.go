package keys

import (
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

func (p *Public) setOpenPGPValidity(entity *openpgp.Entity) {
	p.NotBefore, p.NotAfter = openPGPValidity(entity, time.Now())
}

// openPGPValidity returns when the certificate can be sealed to: the bounds of
// its encryption key, of its primary key and of their self-signatures (RFC 9580,
// sections 5.2.3.13 and 5.2.3.18), or its creation and its revocation. notAfter
// is zero if neither ends it.
func openPGPValidity(entity *openpgp.Entity, now time.Time) (notBefore, notAfter time.Time) {
	notBefore = entity.PrimaryKey.CreationTime
	key, usable := entity.EncryptionKey(now, nil)
	if !usable { // Any time: it may be expired, or not yet valid.
		key, usable = entity.EncryptionKey(time.Time{}, nil)
	}
	if !usable {
		return notBefore, revocation(entity)
	}
	bound := func(created time.Time, lifetime *uint32) {
		if created.After(notBefore) {
			notBefore = created
		}
		if lifetime == nil || *lifetime == 0 {
			return
		}
		if end := created.Add(time.Duration(*lifetime) * time.Second); notAfter.IsZero() || end.Before(notAfter) {
			notAfter = end
		}
	}
	bound(entity.PrimaryKey.CreationTime, key.PrimarySelfSignature.KeyLifetimeSecs)
	bound(key.PrimarySelfSignature.CreationTime, key.PrimarySelfSignature.SigLifetimeSecs)
	bound(key.PublicKey.CreationTime, key.SelfSignature.KeyLifetimeSecs)
	bound(key.SelfSignature.CreationTime, key.SelfSignature.SigLifetimeSecs)
	if direct, err := entity.LatestValidDirectSignature(now, nil); err == nil {
		bound(entity.PrimaryKey.CreationTime, direct.KeyLifetimeSecs)
	}
	return notBefore, notAfter
}

// revocation returns when the last of the entity's keys was revoked; zero if
// none was. The library has verified the signatures whose Valid is set.
func revocation(entity *openpgp.Entity) (at time.Time) {
	revocations := entity.Revocations
	for _, subkey := range entity.Subkeys {
		revocations = append(revocations[:len(revocations):len(revocations)], subkey.Revocations...)
	}
	for _, signature := range revocations {
		if signature.Valid != nil && *signature.Valid && signature.Packet.CreationTime.After(at) {
			at = signature.Packet.CreationTime
		}
	}
	return at
}
