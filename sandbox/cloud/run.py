"""run.py NAME MODULE [ARGUMENT...]: runs main() of an OpenStack service whose start script Debian packs with a system service."""
import importlib
import os
import sys

name, module = sys.argv[1:3]
sys.argv = [name, *sys.argv[3:]]
if name == 'nova-compute':      # nova/virt/driver.py looks for drivers in nova.virt only
    import nova.virt
    nova.virt.__path__.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'plugins'))
sys.exit(importlib.import_module(module).main())
