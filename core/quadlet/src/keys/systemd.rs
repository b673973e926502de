//! The keys that systemd knows in the sections that Podman hands on to it.
//!
//! From `systemd --dump-configuration-items` of systemd 257; a test compares. What they mean is systemd's matter: systemd.unit(5), systemd.service(5),
//! systemd.exec(5), systemd.kill(5), systemd.resource-control(5).

/// Keys of `[Unit]`, separated by spaces.
pub const UNIT: &str = "\
    After AllowIsolate AssertACPower AssertArchitecture AssertCPUFeature AssertCPUPressure AssertCPUs \
    AssertCapability AssertControlGroupController AssertCredential AssertDirectoryNotEmpty AssertEnvironment \
    AssertFileIsExecutable AssertFileNotEmpty AssertFirstBoot AssertGroup AssertHost AssertIOPressure \
    AssertKernelCommandLine AssertKernelVersion AssertMemory AssertMemoryPressure AssertNeedsUpdate AssertOSRelease \
    AssertPathExists AssertPathExistsGlob AssertPathIsDirectory AssertPathIsEncrypted AssertPathIsMountPoint \
    AssertPathIsReadWrite AssertPathIsSymbolicLink AssertSecurity AssertUser AssertVirtualization Before BindTo \
    BindsTo CollectMode ConditionACPower ConditionArchitecture ConditionCPUFeature ConditionCPUPressure \
    ConditionCPUs ConditionCapability ConditionControlGroupController ConditionCredential ConditionDirectoryNotEmpty \
    ConditionEnvironment ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirmware ConditionFirstBoot \
    ConditionGroup ConditionHost ConditionIOPressure ConditionKernelCommandLine ConditionKernelVersion \
    ConditionMemory ConditionMemoryPressure ConditionNeedsUpdate ConditionOSRelease ConditionPathExists \
    ConditionPathExistsGlob ConditionPathIsDirectory ConditionPathIsEncrypted ConditionPathIsMountPoint \
    ConditionPathIsReadWrite ConditionPathIsSymbolicLink ConditionSecurity ConditionUser ConditionVirtualization \
    Conflicts DefaultDependencies Description Documentation FailureAction FailureActionExitStatus IgnoreOnIsolate \
    JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure \
    OnFailureIsolate OnFailureJobMode OnSuccess OnSuccessJobMode PartOf PropagateReloadFrom PropagateReloadTo \
    PropagatesReloadTo PropagatesStopTo RebootArgument RefuseManualStart RefuseManualStop ReloadPropagatedFrom \
    Requires RequiresMountsFor RequiresOverridable Requisite RequisiteOverridable SourcePath StartLimitAction \
    StartLimitBurst StartLimitInterval StartLimitIntervalSec StopPropagatedFrom StopWhenUnneeded SuccessAction \
    SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants WantsMountsFor";

/// Keys of `[Service]`, separated by spaces.
pub const SERVICE: &str = "\
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFProgram BindLogSockets BindPaths \
    BindReadOnlyPaths BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight BlockIOWriteBandwidth \
    BusName CPUAccounting CPUAffinity CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy CPUSchedulingPriority \
    CPUSchedulingResetOnFork CPUShares CPUWeight CacheDirectory CacheDirectoryMode CapabilityBoundingSet \
    ConfigurationDirectory ConfigurationDirectoryMode CoredumpFilter CoredumpReceive DefaultMemoryLow \
    DefaultMemoryMin DefaultStartupMemoryLow Delegate DelegateSubgroup DeviceAllow DevicePolicy DisableControllers \
    DynamicUser Environment EnvironmentFile ExecCondition ExecPaths ExecReload ExecSearchPath ExecStart \
    ExecStartPost ExecStartPre ExecStop ExecStopPost ExitType ExtensionDirectories ExtensionImagePolicy \
    ExtensionImages FailureAction FileDescriptorStoreMax FileDescriptorStorePreserve FinalKillSignal Group \
    GuessMainPID IOAccounting IODeviceLatencyTargetSec IODeviceWeight IOReadBandwidthMax IOReadIOPSMax \
    IOSchedulingClass IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow \
    IPAddressDeny IPCNamespacePath IPEgressFilterPath IPIngressFilterPath IgnoreSIGPIPE ImportCredential \
    InaccessibleDirectories InaccessiblePaths KeyringMode KillMode KillSignal LimitAS LimitCORE LimitCPU LimitDATA \
    LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO \
    LimitRTTIME LimitSIGPENDING LimitSTACK LoadCredential LoadCredentialEncrypted LockPersonality LogExtraFields \
    LogFilterPatterns LogLevelMax LogNamespace LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory \
    LogsDirectoryMode ManagedOOMMemoryPressure ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit \
    ManagedOOMPreference ManagedOOMSwap MemoryAccounting MemoryDenyWriteExecute MemoryHigh MemoryKSM MemoryLimit \
    MemoryLow MemoryMax MemoryMin MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax MemoryZSwapMax \
    MemoryZSwapWriteback MountAPIVFS MountFlags MountImagePolicy MountImages NFTSet NUMAMask NUMAPolicy \
    NetworkNamespacePath Nice NoExecPaths NoNewPrivileges NonBlocking NotifyAccess OOMPolicy OOMScoreAdjust OpenFile \
    PAMName PIDFile PassEnvironment PermissionsStartOnly Personality PrivateDevices PrivateIPC PrivateMounts \
    PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset ProtectClock ProtectControlGroups ProtectHome \
    ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem \
    ReadOnlyDirectories ReadOnlyPaths ReadWriteDirectories ReadWritePaths RebootArgument ReloadSignal \
    RemainAfterExit RemoveIPC Restart RestartForceExitStatus RestartKillSignal RestartMaxDelaySec RestartMode \
    RestartPreventExitStatus RestartSec RestartSteps RestrictAddressFamilies RestrictFileSystems RestrictNamespaces \
    RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory RootDirectoryStartOnly RootEphemeral \
    RootHash RootHashSignature RootImage RootImageOptions RootImagePolicy RootVerity RuntimeDirectory \
    RuntimeDirectoryMode RuntimeDirectoryPreserve RuntimeMaxSec RuntimeRandomizedExtraSec SELinuxContext SecureBits \
    SendSIGHUP SendSIGKILL SetCredential SetCredentialEncrypted SetLoginEnvironment Slice SmackProcessLabel \
    SocketBindAllow SocketBindDeny Sockets StandardError StandardInput StandardInputData StandardInputText \
    StandardOutput StartLimitAction StartLimitBurst StartLimitInterval StartupAllowedCPUs StartupAllowedMemoryNodes \
    StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh StartupMemoryLow \
    StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax StateDirectory StateDirectoryMode SuccessExitStatus \
    SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures \
    SystemCallErrorNumber SystemCallFilter SystemCallLog TTYColumns TTYPath TTYReset TTYRows TTYVHangup \
    TTYVTDisallocate TasksAccounting TasksMax TemporaryFileSystem TimeoutAbortSec TimeoutCleanSec TimeoutSec \
    TimeoutStartFailureMode TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec TimerSlackNSec Type UMask \
    USBFunctionDescriptors USBFunctionStrings UnsetEnvironment User UtmpIdentifier UtmpMode WatchdogSec \
    WatchdogSignal WorkingDirectory";

/// Keys of `[Install]` that Podman's generator acts on.
pub const INSTALL: &str = "Alias DefaultInstance RequiredBy WantedBy";
/// Keys of `[Install]` that systemd knows and Podman's generator ignores.
pub const INSTALL_IGNORED: &str = "Also UpheldBy";

/// The keys that mean something in a section that systemd reads; none for other sections.
#[must_use]
pub fn keys_of(section: &str) -> Option<impl Iterator<Item = &'static str>> {
    let keys = match section {
        "Unit" => UNIT,
        "Service" => SERVICE,
        "Install" => INSTALL,
        _ => return None,
    };
    Some(keys.split_ascii_whitespace())
}
