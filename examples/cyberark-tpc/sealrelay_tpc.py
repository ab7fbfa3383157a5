#!/usr/bin/env python
"""Started by a Terminal Plugin Controller plugin. The conversation (prompts,
answers, result) is the program's, which inherits standard input and output."""
import subprocess
import sys

sys.exit(subprocess.call([
    r'C:\Program Files\sealrelay\sealrelay.exe', 'hook', 'cyberark-tpc',
    '--url', 'https://relay.example:8443/v1/hooks/cyberark-tpc',
    '--secret-file', r'C:\ProgramData\sealrelay-hook\hook.secret',
    '--service-key', r'C:\ProgramData\sealrelay-hook\service.pub',
    '--spool', r'C:\ProgramData\sealrelay-hook\spool',
    '--prefix=prod/',
]))
