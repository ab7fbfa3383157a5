package cms

import (
	"encoding/asn1"
	"fmt"
)

// addressees has, for each recipient, the algorithm that its key is wrapped with
// and how it is named: by issuer and serial number, or by key identifier.
func addressees(data []byte) ([]string, error) {
	der, _, err := read(data)
	if err != nil {
		return nil, err
	}
	infos, err := recipientInfos(der)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, info := range infos {
		// read has seen to it that each of them can be read so.
		if transport, err := strict[keyTransRecipientInfo](info.FullBytes, ""); err == nil {
			out = append(out, addressee(transport.Algorithm.Algorithm, transport.Recipient))
			continue
		}
		agreement, err := strict[keyAgreeRecipientInfo](info.FullBytes, keyAgreeTag)
		if err != nil {
			out = append(out, "neither by key transport nor by key agreement")
		}
		for _, one := range agreement.Keys {
			out = append(out, addressee(agreement.Algorithm.Algorithm, one.Recipient))
		}
	}
	return out, nil
}

func addressee(algorithm asn1.ObjectIdentifier, name asn1.RawValue) string {
	return fmt.Sprintf("%v %x", algorithm, name.FullBytes)
}

func recipientInfos(der []byte) ([]asn1.RawValue, error) {
	contentType, err := contentTypeOf(der)
	if err != nil {
		return nil, err
	}
	if contentType.Equal(oidAuthEnvelopedData) {
		info, err := strict[contentInfo[authEnvelopedData]](der, "")
		return info.Content.Recipients, err
	}
	info, err := strict[contentInfo[envelopedData]](der, "")
	return info.Content.Recipients, err
}
