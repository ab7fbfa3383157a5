#!/usr/bin/env bash
# Makes the key files of this folder anew, each with the tool that people have
# such files from: OpenSSL 3.0 with its legacy provider, OpenSSH, GnuPG 2.2, the
# JDK's keytool, age. TestContainers says what is in each.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8
shopt -s extglob
rm -rf -- !(make.sh)
password='pä ss€'
java=(-J-Dfile.encoding=UTF-8) # for passwords from files; arguments are garbled
legacy=(-provider legacy -provider default)

# The keys.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k256.pem
openssl genpkey -algorithm ED25519 -out ed25519.pem
openssl genpkey -algorithm X25519 -out x25519.pem
for key in rsa p256 k256 ed25519 x25519; do
  openssl pkey -in $key.pem -pubout -out $key.spki.pem
done
for key in rsa p256 k256; do
  openssl req -x509 -key $key.pem -subj "/CN=$key" -days 36500 -out $key.crt.pem
done

# DER.
openssl pkcs8 -topk8 -nocrypt -in p256.pem -outform DER -out p256.pk8.der
openssl rsa -in rsa.pem -traditional -outform DER -out rsa.pkcs1.der 2>/dev/null
openssl ec -in p256.pem -outform DER -out p256.sec1.der 2>/dev/null
openssl ec -in k256.pem -outform DER -out k256.sec1.der 2>/dev/null
openssl pkey -in p256.pem -pubout -outform DER -out p256.spki.der
openssl rsa -in rsa.pem -RSAPublicKey_out -outform DER -out rsa.pkcs1pub.der 2>/dev/null
openssl x509 -in p256.crt.pem -outform DER -out p256.crt.der
openssl x509 -in p256.crt.pem -trustout -setalias agent -addtrust emailProtection -out p256.trusted.pem
openssl pkcs8 -topk8 -in p256.pem -outform DER -v2 aes-256-cbc -passout "pass:$password" -out p256.encrypted.der

# Encrypted PEM.
for cipher in aes-128-cbc aes-192-cbc aes-256-cbc des3; do
  openssl pkcs8 -topk8 -in p256.pem -v2 $cipher -passout "pass:$password" -out p256.pbes2-$cipher.pem
done
openssl pkcs8 -topk8 -in p256.pem -scrypt -passout "pass:$password" -out p256.scrypt.pem
for scheme in PBE-MD5-DES PBE-SHA1-DES PBE-SHA1-3DES PBE-SHA1-RC2-40 PBE-SHA1-RC2-128; do
  # OpenSSL takes passwords of PKCS#12 schemes outside of PKCS#12 for UTF-8 too.
  openssl pkcs8 "${legacy[@]}" -topk8 -in p256.pem -v1 $scheme -passout "pass:$password" -out p256.$scheme.pem
done
openssl rsa -in rsa.pem -traditional -aes256 -passout "pass:$password" -out rsa.legacy.pem 2>/dev/null

# PKCS#12.
p12=(openssl pkcs12 -export -passout "pass:$password")
"${p12[@]}" -inkey p256.pem -in p256.crt.pem -name 'Agent ö' -certfile rsa.crt.pem -out modern.p12
"${p12[@]}" -legacy -inkey rsa.pem -in rsa.crt.pem -name agent -out legacy.p12
"${p12[@]}" -nomac -inkey p256.pem -in p256.crt.pem -name agent -out nomac.p12
"${p12[@]}" -keypbe NONE -certpbe NONE -inkey p256.pem -in p256.crt.pem -out plain-noname.p12
"${p12[@]}" -inkey k256.pem -in k256.crt.pem -name agent -out k256.p12
"${p12[@]}" -nokeys -in p256.crt.pem -out certificate.p12
openssl pkcs12 -export -passout pass: -inkey p256.pem -in p256.crt.pem -name agent -out empty-password.p12
printf %s "$password" > password.tmp
# Keystores of Java: two entries, and what is trusted only.
openssl pkcs12 -export -passout pass:changeit -inkey p256.pem -in p256.crt.pem -name one -out one.tmp
openssl pkcs12 -export -passout pass:changeit -inkey rsa.pem -in rsa.crt.pem -name two -out two.tmp
for one in one two; do
  keytool -importkeystore -noprompt -srckeystore $one.tmp -srcstoretype PKCS12 -srcstorepass changeit -destkeystore java.p12 -deststoretype PKCS12 -deststorepass changeit
  keytool "${java[@]}" -importkeystore -noprompt -srckeystore $one.tmp -srcstoretype PKCS12 -srcstorepass changeit -destkeystore java.jks -deststoretype JKS -deststorepass:file password.tmp -srcalias $one -destkeypass:file password.tmp
done
keytool -importcert -noprompt -alias trusted -file p256.crt.pem -keystore java.p12 -storetype PKCS12 -storepass changeit
keytool "${java[@]}" -importcert -noprompt -alias trusted -file p256.crt.pem -keystore java.jks -storetype JKS -storepass:file password.tmp
keytool -importcert -noprompt -alias trusted -file p256.crt.pem -keystore trusted.p12 -storetype PKCS12 -storepass changeit
keytool -importcert -noprompt -alias trusted -file p256.crt.pem -keystore trusted.jks -storetype JKS -storepass changeit
# Its key keeps the password that it had.
keytool -importkeystore -noprompt -srckeystore one.tmp -srcstoretype PKCS12 -srcstorepass changeit -destkeystore keypass.jks -deststoretype JKS -deststorepass "storepass"
keytool -importkeystore -noprompt -srckeystore one.tmp -srcstoretype PKCS12 -srcstorepass changeit -destkeystore java.jceks -deststoretype JCEKS -deststorepass changeit
rm ./*.tmp

# OpenSSH.
ssh-keygen -q -t ed25519 -N '' -C agent -f ssh-ed25519
ssh-keygen -q -t ed25519 -N "$password" -C agent -f ssh-ed25519-encrypted
ssh-keygen -q -t rsa -b 2048 -N '' -C agent -f ssh-rsa
ssh-keygen -q -t ecdsa -b 256 -N '' -C agent -f ssh-ecdsa
ssh-keygen -e -m RFC4716 -f ssh-rsa.pub > ssh-rsa.rfc4716
for key in ssh-*.pub; do ssh-keygen -l -f "$key"; done > ssh.fingerprints

# age.
age-keygen -o age.txt 2>/dev/null
age-keygen -y age.txt > age.pub

# OpenPGP.
home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill all; rm -rf "$home"' EXIT
gpg=(gpg --homedir "$home" --batch --quiet --pinentry-mode loopback --passphrase "$password" --trust-model always)
"${gpg[@]}" --quick-generate-key 'Agent <agent@example.org>' future-default default never
"${gpg[@]}" --armor --export agent > gpg.pub.asc
"${gpg[@]}" --export agent > gpg.pub.bin
"${gpg[@]}" --armor --export-secret-keys agent > gpg.asc
"${gpg[@]}" --export-secret-subkeys agent > gpg-subkeys.bin
"${gpg[@]}" --quick-generate-key 'RSA <rsa@example.org>' rsa2048 default never
"${gpg[@]}" --armor --export > gpg-two.pub.asc
"${gpg[@]}" --with-colons --list-keys | grep ^fpr > gpg.fingerprints
