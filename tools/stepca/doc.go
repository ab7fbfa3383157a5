// Package stepca builds step-ca, with which the program's tests have certificates
// signed by a real authority. It is a module of its own so that nothing of step-ca
// is in the program's.
package stepca
