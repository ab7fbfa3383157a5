package private

import (
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// everybody are the groups that hold more than a machine's administrators.
var everybody = []windows.WELL_KNOWN_SID_TYPE{windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid, windows.WinBuiltinGuestsSid, windows.WinInteractiveSid}

// check refuses what the access control list lets any of everybody read or write.
func check(path string, _ fs.FileInfo) error {
	security, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%s: read the access control list: %w", path, err)
	}
	list, _, err := security.DACL()
	if err != nil || list == nil { // Without a list all is permitted.
		return open(path)
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return fmt.Errorf("%s: read the access control list: %w", path, err)
		}
		if entry.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE && entry.Header.AceFlags&windows.INHERIT_ONLY_ACE == 0 &&
			isEverybody((*windows.SID)(unsafe.Pointer(&entry.SidStart))) {
			return open(path)
		}
	}
	return nil
}

func isEverybody(sid *windows.SID) bool {
	for _, kind := range everybody {
		if sid.IsWellKnown(kind) {
			return true
		}
	}
	return false
}

func open(path string) error {
	return fmt.Errorf("other users may read or write %s; leave SYSTEM, Administrators and the agent's user in its access control list: "+
		"icacls PATH /inheritance:r /grant:r SYSTEM:F Administrators:F", path)
}
