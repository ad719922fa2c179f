"use client";
import { Activity, Keyboard, Monitor, Moon, Sun, type LucideIcon } from "lucide-react";
import { IconButton } from "@/components/ui/icon-button";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { useOverlays } from "@/components/ui/overlays";
import { useTheme, type Theme } from "@/components/ui/theme";

export const THEMES: { value: Theme; label: string; icon: LucideIcon }[] = [
  { value: "system", label: "Like the system", icon: Monitor },
  { value: "light", label: "Light", icon: Sun },
  { value: "dark", label: "Dark", icon: Moon },
];

export function SidebarFoot() {
  const { show } = useOverlays();
  return (
    <div className="flex items-center gap-1 border-t border-line px-3 py-2">
      <a href="/admin/" className="mr-auto flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm text-muted-fg hover:bg-muted hover:text-fg">
        <Activity aria-hidden className="size-4" /> Workers and queue
      </a>
      <IconButton label="Keyboard shortcuts" className="max-md:hidden" onClick={() => show("shortcuts")}>
        <Keyboard />
      </IconButton>
      <ThemeMenu />
    </div>
  );
}

function ThemeMenu() {
  const [theme, choose] = useTheme();
  const Icon = THEMES.find(({ value }) => value === theme)?.icon ?? Monitor;
  return (
    <Menu
      align="end"
      renderButton={(props) => (
        <IconButton {...props} label="Appearance">
          <Icon />
        </IconButton>
      )}
    >
      <MenuLabel>Appearance</MenuLabel>
      {THEMES.map(({ value, label, icon: Each }) => (
        <MenuItem key={value} icon={<Each />} checked={theme === value} onSelect={() => choose(value)}>
          {label}
        </MenuItem>
      ))}
    </Menu>
  );
}
