/* certs.h - creates certificates and keys as PEM files in a directory of their own.
 * Owns:    the directory and its files, until certs_remove.
 * Fails:   a step that fails aborts the test program.
 */
#ifndef EH_TESTS_CERTS_H
#define EH_TESTS_CERTS_H

#define CERTS_PATH 128

/* Paths of a certificate authority, of certificates that it signed, and of unrelated files. */
struct certs {
    char dir[64];
    char ca[CERTS_PATH];
    char cert[CERTS_PATH]; /* for localhost, 127.0.0.1 and ::1, signed by ca */
    char key[CERTS_PATH];
    char expired[CERTS_PATH];       /* like cert, but expired */
    char second[CERTS_PATH];        /* like cert, for the same key */
    char nameless[CERTS_PATH];      /* like cert, without a common name */
    char other_ca[CERTS_PATH];      /* signed none of the above */
    char other_key[CERTS_PATH];     /* belongs to none of the certificates */
    char rsa_key[CERTS_PATH];       /* belongs to none of them, either */
    char encrypted_key[CERTS_PATH]; /* key, encrypted */
    char junk[CERTS_PATH];          /* not PEM */
};

void certs_make(struct certs *c);
void certs_remove(struct certs *c);

#endif
