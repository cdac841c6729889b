/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/vm/microvm-command-line.test.ts > TAP > an emulated VM > must match snapshot 1`] = `

-name vm1
-M microvm
-global virtio-mmio.force-legacy=false
-accel tcg,thread=single,tb-size=128
-cpu max,-erms
-smp 1
-m 512M
-nodefaults
-no-user-config
-display none
-device pvpanic
-chardev file,id=console,path=/run/console/vm1.log,append=on
-serial chardev:console
-device virtio-serial-device
-chardev socket,id=ctl,fd=4
-device virtserialport,chardev=ctl,name=nslab.ctl
-chardev socket,id=shell,fd=5
-device virtconsole,chardev=shell
-device virtio-balloon-device,free-page-reporting=on
-kernel /image/vmlinux
-initrd /image/root.cpio
-append console=ttyS0 quiet panic=-1 tsc=reliable tsc_early_khz=2596140
-action panic=none,reboot=shutdown
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
`

exports[`test/vm/microvm-command-line.test.ts > TAP > one to be saved, and one that goes on from it > must match snapshot 1`] = `

-name vm1
-M microvm,memory-backend=ram
-global virtio-mmio.force-legacy=false
-accel tcg,thread=single,tb-size=128
-cpu max,-erms
-smp 1
-m 512M
-object memory-backend-file,id=ram,size=512M,mem-path=/image/snapshots/x/memory,share=on
-nodefaults
-no-user-config
-display none
-device pvpanic
-chardev file,id=console,path=/run/console/vm1.log,append=on
-serial chardev:console
-device virtio-serial-device
-chardev socket,id=ctl,fd=4
-device virtserialport,chardev=ctl,name=nslab.ctl
-chardev socket,id=shell,fd=5
-device virtconsole,chardev=shell
-kernel /image/vmlinux
-initrd /image/root.cpio
-append console=ttyS0 quiet panic=-1 tsc=reliable tsc_early_khz=2596140
-action panic=none,reboot=shutdown
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
`

exports[`test/vm/microvm-command-line.test.ts > TAP > one to be saved, and one that goes on from it > must match snapshot 2`] = `

-name vm1
-M microvm,memory-backend=ram
-global virtio-mmio.force-legacy=false
-accel tcg,thread=single,tb-size=96
-cpu max,-erms
-smp 1
-m 512M
-object memory-backend-file,id=ram,size=512M,mem-path=/image/snapshots/x/memory,share=off
-nodefaults
-no-user-config
-display none
-device pvpanic
-chardev file,id=console,path=/run/console/vm1.log,append=on
-serial chardev:console
-device virtio-serial-device
-chardev socket,id=ctl,fd=4
-device virtserialport,chardev=ctl,name=nslab.ctl
-chardev socket,id=shell,fd=5
-device virtconsole,chardev=shell
-kernel /image/vmlinux
-initrd /image/root.cpio
-append console=ttyS0 quiet panic=-1 tsc=reliable tsc_early_khz=2596140
-action panic=none,reboot=shutdown
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
-incoming defer
`

exports[`test/vm/microvm-command-line.test.ts > TAP > one whose instructions are counted > must match snapshot 1`] = `

-name vm1
-M microvm
-global virtio-mmio.force-legacy=false
-accel tcg,thread=single,tb-size=256
-cpu max,-erms
-smp 1
-m 512M
-nodefaults
-no-user-config
-display none
-device pvpanic
-chardev file,id=console,path=/run/console/vm1.log,append=on
-serial chardev:console
-device virtio-serial-device
-chardev file,id=results,path=/run/results
-device virtserialport,chardev=results,name=nslab.results
-kernel /image/vmlinux
-initrd /image/root.cpio
-append console=ttyS0 quiet panic=-1 tsc=reliable tsc_early_khz=1000000
-icount shift=3,sleep=off
-seed 7
-rtc base=2026-01-01T00:00:00,clock=vm
-action panic=none,reboot=shutdown
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
`

exports[`test/vm/microvm-command-line.test.ts > TAP > one with KVM, several processors, cards and disks, that may reboot > must match snapshot 1`] = `

-name vm1
-M microvm
-global virtio-mmio.force-legacy=false
-accel kvm
-cpu host
-smp 4
-m 512M
-nodefaults
-no-user-config
-display none
-device pvpanic
-chardev file,id=console,path=/run/console/vm1.log,append=on
-serial chardev:console
-device virtio-serial-device
-chardev socket,id=ctl,fd=4
-device virtserialport,chardev=ctl,name=nslab.ctl
-chardev socket,id=shell,fd=5
-device virtconsole,chardev=shell
-device virtio-balloon-device,free-page-reporting=on
-netdev stream,id=nic0,server=off,addr.type=fd,addr.str=6
-device virtio-net-device,netdev=nic0,mac=52:54:00:00:00:01,host_mtu=9000
-netdev tap,id=nic1,fd=7
-device virtio-net-device,netdev=nic1,mac=52:54:00:00:00:02
-drive id=disk0,if=none,format=raw,file=/image/root.erofs,readonly=on
-device virtio-blk-device,drive=disk0,serial=nslab-root,opt_io_size=262144
-drive id=disk1,if=none,format=raw,file=/run/data,,1.raw,readonly=off
-device virtio-blk-device,drive=disk1
-kernel /image/vmlinux
-initrd /image/root.cpio
-append console=ttyS0 quiet panic=-1
-fw_cfg name=opt/nslab/config,file=/run/a,, b.json
-action panic=none,reboot=reset
-chardev socket,id=qmp,fd=3
-mon chardev=qmp,mode=control
`
